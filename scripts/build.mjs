// `npm run build`: what the three entry points reach, as JavaScript and declarations in `dist/`, and the dashboard in `dist/assets`.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildDashboardIfStale } from "./dashboard.mjs";
import { root, toolEnvironment } from "./install.mjs";

const dist = join(root, "dist");
// A mill that runs from this folder goes on serving its assets.
for (const name of existsSync(dist) ? readdirSync(dist) : [])
  if (name !== "assets") rmSync(join(dist, name), { recursive: true, force: true });
buildDashboardIfStale();
const result = spawnSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, env: toolEnvironment(), stdio: "inherit" });
process.exit(result.status ?? 1);
