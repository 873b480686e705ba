// `npm run build`: what the three entry points reach, as JavaScript and declarations in `dist/`.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";

rmSync(join(root, "dist"), { recursive: true, force: true });
const result = spawnSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, env: toolEnvironment(), stdio: "inherit" });
process.exit(result.status ?? 1);
