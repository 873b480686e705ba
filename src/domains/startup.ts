import { fail } from "../policy/errors.ts";
import { didYouMean } from "../policy/names.ts";
import type { SubmitOptions } from "./handle.ts";
import type { InputOf, TypeName } from "./shape.ts";

/** What `MILLRACE_MODE` may say: where this mill runs, and so which startup jobs it wants. */
const MODES = ["none", "local", "production"] as const;
export type Mode = (typeof MODES)[number];
/** The mode in which startup jobs run: with `none` they do not. */
export type StartMode = Exclude<Mode, "none">;

/** What `onStart` submits with. Nothing is sent before it has returned. */
export interface StartJobs<Types = unknown> {
  /**
   * Submits a task of the domain, once `onStart` has returned. A key makes it happen once however many deploys follow each
   * other; without one, an equal task that still lives does.
   *
   * @example `jobs.submit("crawl", { site: "example.com" }, { key: "sentinel", priority: "background" });`
   */
  submit<Type extends TypeName<Types>>(type: Type, payload: InputOf<Types, Type>, options?: SubmitOptions): void;
}

/**
 * The mode that an environment names; without one it is `none`.
 *
 * @throws `invalid_request` when it is no mode
 */
export function readMode(env: unknown): Mode {
  const given = (env as { MILLRACE_MODE?: unknown } | null | undefined)?.MILLRACE_MODE;
  if (given === undefined || given === "") return "none";
  const mode = MODES.find((one) => one === given);
  if (mode) return mode;
  const hint = typeof given === "string" ? didYouMean(given, MODES) : undefined;
  throw fail(
    "invalid_request",
    `MILLRACE_MODE must be ${MODES.join(", ")}; got ${String(JSON.stringify(given)).slice(0, 60)}${hint === undefined ? "" : `; did you mean "${hint}"`}. No startup jobs run.`,
  );
}
