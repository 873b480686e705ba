// Scalar, which the page /docs shows the API with: one file of 4.4 MB (1.3 MB gzip) in dist/assets/docs/, a static asset of
// the package (it is not published without) and of the example mill. Fetched by hand, since as a dependency it brings 27 others that no page loads.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";

const VERSION = "1.72.1";
const TARBALL_SHA512 = "XpEJ0rfc/cXbCrR+iC4kK0o/WwX2dTtGQbT049OlPKAHD6IMIFdTeGz2r+M27P2EDWKyUITRm/NzlP8z2pw/Ow==";
const SCRIPT_SHA512 = "tU3J4euEo5lXIMy42HF4KUTdundzAMuHoOw2Z0WquNAbdigLVdAyOGPJJoCmhiSNVRnSgfNqbB1VdiIfNATEMg==";
/** A mill that starts without a network does not wait for it: by itself npm tries for minutes. */
const IMPATIENT = ["--prefer-offline", "--fetch-retries=0", "--fetch-timeout=10000"];
const scratch = join(root, ".scratch", "scalar");
const target = join(root, "dist", "assets", "docs");

/** @param {string} path */
const sha512 = (path) => createHash("sha512").update(readFileSync(path)).digest("base64");

/**
 * Puts Scalar beside the dashboard unless it is there.
 *
 * @returns {string | undefined} why it could not: then /docs is a plain list
 */
export function addScalar() {
  const script = join(target, "scalar.js");
  if (existsSync(script) && sha512(script) === SCRIPT_SHA512) return undefined;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const tarball = `scalar-api-reference-${VERSION}.tgz`;
  const failed = run("npm", ["pack", `@scalar/api-reference@${VERSION}`, "--loglevel=error", ...IMPATIENT]);
  if (failed !== undefined) return failed;
  if (sha512(join(scratch, tarball)) !== TARBALL_SHA512) return `@scalar/api-reference@${VERSION} is not the package that was looked at`;
  const unpacked = run("tar", ["-xzf", tarball, "package/dist/browser/standalone.js", "package/package.json"]);
  if (unpacked !== undefined) return unpacked;
  mkdirSync(target, { recursive: true });
  // Whose it is, and its licence (MIT).
  copyFileSync(join(scratch, "package", "package.json"), join(target, "scalar.json"));
  copyFileSync(join(scratch, "package", "dist", "browser", "standalone.js"), script);
  return undefined;
}

if (process.argv[1] === import.meta.filename) {
  const missing = addScalar();
  if (missing !== undefined) {
    console.error(missing);
    process.exitCode = 1;
  }
}

/** @param {string} command @param {string[]} args @returns {string | undefined} what went wrong */
function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: scratch,
    env: toolEnvironment(),
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  return status === 0 ? undefined : `${command} ${args.join(" ")} failed: ${stderr || stdout}`;
}
