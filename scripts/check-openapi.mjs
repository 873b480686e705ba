// `npm run check:openapi`: makes the description of the HTTP API as a mill serves it, and lints it: every recommended
// rule of Redocly, warnings included. Fails, too, where a route, a parameter or a name in a path is not described.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROUTES } from "../src/worker/gateway.ts";
import { describe } from "../src/worker/openapi/document.ts";
import { root, toolEnvironment } from "./install.mjs";

const folder = join(root, ".scratch", "openapi");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "openapi.json"), `${JSON.stringify(describe(ROUTES), null, 1)}\n`);
// `/healthz` takes anything and needs no token: no client's mistake is answered with a problem.
writeFileSync(
  join(folder, ".redocly.lint-ignore.yaml"),
  "openapi.json:\n  operation-4xx-response:\n    - '#/paths/~1healthz/get/responses'\n",
);
writeFileSync(join(folder, "redocly.yaml"), "extends:\n  - recommended\ntelemetry: off\n");
const { status, stdout, stderr } = spawnSync("redocly", ["lint", "openapi.json", "--format", "json"], {
  cwd: folder,
  env: { ...toolEnvironment(), REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
  encoding: "utf8",
  shell: process.platform === "win32",
});
/** @type {{ totals: { errors: number, warnings: number }, problems: { ruleId: string, message: string, ignored?: boolean, location?: { pointer?: string }[] }[] } | undefined} */
let report;
try {
  report = JSON.parse(stdout);
} catch {
  console.error(`redocly lint did not run (status ${status}):\n${stdout}\n${stderr}`);
  process.exit(1);
}
const problems = report?.problems.filter(({ ignored }) => !ignored) ?? [];
for (const { ruleId, message, location } of problems) console.error(`${ruleId} at ${location?.[0]?.pointer ?? "?"}: ${message}`);
console.log(`openapi.json: ${ROUTES.length + 1} operations, ${problems.length} problems`);
process.exit(problems.length > 0 || status !== 0 ? 1 : 0);
