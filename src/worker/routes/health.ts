import { type AuthEnv, readAuth } from "../auth.ts";
import { readMode } from "../../domains/startup.ts";
import { json } from "../problem.ts";
import type { Route } from "../route.ts";

/** `GET /healthz`: needs no token and wakes no object. Says what is not configured, and what that costs. */
export function health(env: AuthEnv & Record<string, unknown>, hasStartupJobs = false): Response {
  const missing: object[] = [];
  if (!isVersion(env.CF_VERSION_METADATA)) {
    missing.push({
      binding: "CF_VERSION_METADATA",
      toml: '[version_metadata]\nbinding = "CF_VERSION_METADATA"',
      effect: "A deploy cannot be told from a crash; startup jobs run once per start of the coordinator.",
    });
  }
  if (hasStartupJobs) missing.push(...modeProblem(env));
  return json({
    ok: true,
    auth: readAuth(env).kind,
    version: isVersion(env.CF_VERSION_METADATA) ? env.CF_VERSION_METADATA.id : null,
    missing,
    unseen: [
      {
        trigger: "crons",
        toml: '[triggers]\ncrons = ["* * * * *"]',
        effect: "Without it no sweeper looks after objects that owe work. A request cannot see whether it is there.",
      },
    ],
  });
}

function modeProblem(env: unknown): object[] {
  const entry = { variable: "MILLRACE_MODE", toml: '[vars]\nMILLRACE_MODE = "production"' };
  try {
    if (readMode(env) !== "none" || (env as { MILLRACE_MODE?: unknown }).MILLRACE_MODE === "none") return [];
    return [{ ...entry, effect: "Startup jobs (onStart) do not run." }];
  } catch (error) {
    return [{ ...entry, effect: (error as Error).message }];
  }
}

function isVersion(value: unknown): value is { id: string } {
  return typeof value === "object" && value !== null && typeof (value as { id?: unknown }).id === "string";
}

/** `GET /v1/me`. */
export const healthRoutes: Route[] = [
  {
    method: "GET",
    path: "/v1/me",
    role: "viewer",
    answer: ({ identity: { name, role, domains } }) => json({ name, role, domains: domains && [...domains] }),
  },
];
