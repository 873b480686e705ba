// `npm run build`: what the entry points and the command line reach, as JavaScript and declarations in `dist/`, and the dashboard with Scalar in `dist/assets`.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildDashboardIfStale } from "./dashboard.mjs";
import { root, toolEnvironment } from "./install.mjs";

const dist = join(root, "dist");
// A mill that runs from this folder goes on serving its assets.
for (const name of existsSync(dist) ? readdirSync(dist) : [])
  if (name !== "assets") rmSync(join(dist, name), { recursive: true, force: true });
buildDashboardIfStale();
for (const project of ["tsconfig.build.json", "tsconfig.cli.build.json"]) {
  const { status } = spawnSync("tsc", ["-p", project], { cwd: root, env: toolEnvironment(), stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
chmodSync(join(dist, "cli", "main.js"), 0o755);
