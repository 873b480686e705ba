// `npm run docs:page`: puts Scalar, which the page /docs looks for beside itself, into dist/assets/docs/. It is no dependency: it
// comes as one file of 4.4 MB (1.3 MB gzip), of which a mill needs nothing to run. Serve it with [assets], see docs/http.md.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";

const VERSION = "1.72.1";
const INTEGRITY = "sha512-XpEJ0rfc/cXbCrR+iC4kK0o/WwX2dTtGQbT049OlPKAHD6IMIFdTeGz2r+M27P2EDWKyUITRm/NzlP8z2pw/Ow==";
const scratch = join(root, ".scratch", "scalar");
const target = join(root, "dist", "assets", "docs");

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: scratch,
    env: toolEnvironment(),
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
  process.exit(1);
}

rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
run("npm", ["pack", `@scalar/api-reference@${VERSION}`, "--silent"]);
const tarball = `scalar-api-reference-${VERSION}.tgz`;
const found = `sha512-${createHash("sha512")
  .update(readFileSync(join(scratch, tarball)))
  .digest("base64")}`;
if (found !== INTEGRITY) {
  console.error(`@scalar/api-reference@${VERSION} is not the package that was looked at: ${found}`);
  process.exit(1);
}
run("tar", ["-xzf", tarball, "package/dist/browser/standalone.js"]);
mkdirSync(target, { recursive: true });
copyFileSync(join(scratch, "package", "dist", "browser", "standalone.js"), join(target, "scalar.js"));
console.log(`dist/assets/docs/scalar.js: Scalar ${VERSION}`);
