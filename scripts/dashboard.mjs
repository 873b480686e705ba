// `npm run dashboard`: builds the dashboard into dist/assets, with Scalar for /docs beside it. Who starts or deploys a mill builds it when it is missing or older
// than its source; `--check` also judges how much script the first view loads.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root, toolEnvironment } from "./install.mjs";
import { addScalar } from "./scalar.mjs";

const target = join(root, "dist", "assets");
const page = join(target, "index.html");
/** What the first view may load. */
const SCRIPT_BYTES_MAX = 150 * 1024;
const SOURCES = ["dashboard", "src/policy", "package-lock.json"];

/** @param {string} path @returns {number} */
function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), mtimeMs);
}

/** Builds the dashboard unless it stands there already, newer than what it is made of; ends the process when that fails. A mill starts without Scalar, too. */
export function buildDashboardIfStale() {
  addScalarOrSay();
  const built = existsSync(page) ? statSync(page).mtimeMs : 0;
  if (SOURCES.every((source) => newest(join(root, source)) < built)) return;
  buildDashboard();
}

function addScalarOrSay() {
  const missing = addScalar();
  if (missing !== undefined) console.warn(`!!! /docs will be a plain list, without Scalar: ${missing}`);
}

/** Builds the dashboard; ends the process when that fails. */
export function buildDashboard() {
  rmSync(join(target, "dashboard"), { recursive: true, force: true });
  const { status, stdout, stderr } = spawnSync(
    "vite",
    ["build", "dashboard", "--config", "dashboard/vite.config.ts", "--logLevel", "warn"],
    {
      cwd: root,
      env: toolEnvironment(),
      encoding: "utf8",
      shell: process.platform === "win32",
    },
  );
  if (status === 0) return;
  console.error(`The dashboard could not be built:\n${stdout}\n${stderr}`);
  process.exit(1);
}

/** The scripts that the page names, and all that they import before anything is shown. */
function firstLoad() {
  const found = new Set(
    [...readFileSync(page, "utf8").matchAll(/(?:src|href)="\.\/(dashboard\/[^"]+\.js)"/g)].map(([, file]) => file ?? ""),
  );
  for (const file of found) {
    const source = readFileSync(join(target, file), "utf8");
    for (const [, name] of source.matchAll(/(?:^|[;}])\s*(?:import|export)\s*(?:[\w*{}\s,$]+\s*from\s*)?["']\.\/([^"']+\.js)["']/g))
      found.add(`dashboard/${name}`);
  }
  return [...found].map((file) => ({ file, bytes: gzipSync(readFileSync(join(target, file))).length }));
}

if (process.argv[1] === import.meta.filename) {
  addScalarOrSay();
  buildDashboard();
  const files = firstLoad();
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { file, bytes } of files) console.log(`${file}  ${(bytes / 1024).toFixed(1)} KB gzip`);
  console.log(`The first view loads ${(total / 1024).toFixed(1)} KB of script, of at most ${SCRIPT_BYTES_MAX / 1024}.`);
  if (files.length === 0 || total > SCRIPT_BYTES_MAX) process.exit(1);
}
