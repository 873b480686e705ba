// `npm run demo`: needs Node 20 and npm, nothing else. Installs when needed, then runs the demo on the Node that came with it.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { installIfNeeded, root, toolEnvironment } from "./install.mjs";

installIfNeeded();
const isWindows = process.platform === "win32";
const node = join(root, "node_modules", ".bin", isWindows ? "node.cmd" : "node");
const demo = spawn(node, [join(root, "scripts", "demo", "main.ts")], {
  cwd: root,
  env: toolEnvironment(),
  stdio: "inherit",
  shell: isWindows,
});
// A Ctrl-C reaches both; the demo cleans up and this one passes its answer on.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => demo.kill(signal));
demo.on("exit", (code) => process.exit(code ?? 1));
