// `npm run check:package`: the tarball as `npm publish` would send it, looked at by publint and attw.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";

const folder = join(root, ".scratch", "package");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, env: toolEnvironment(), stdio: "inherit" });
  if (status !== 0) {
    console.error(`${command} ${args.join(" ")} found a fault`);
    process.exit(status ?? 1);
  }
}

run("npm", ["pack", "--loglevel=error", "--pack-destination", folder]);
const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
run("publint", ["run", join(folder, tarball), "--strict"]);
// Workers and bundlers read ESM; the two resolutions that cannot are left out by the profile.
run("attw", [join(folder, tarball), "--profile", "esm-only", "--no-emoji"]);
