// `npm test`: needs Node 20 and npm, nothing else. Installs when needed, then runs the type tests and every vitest project.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installIfNeeded, root, toolEnvironment } from "./install.mjs";

installIfNeeded();
const scratch = join(root, ".scratch");
mkdirSync(scratch, { recursive: true });

/** @param {string} command @param {string[]} args */
function run(command, args) {
  return spawnSync(command, args, { cwd: root, env: toolEnvironment(), stdio: "inherit", shell: process.platform === "win32" }).status ?? 1;
}

/** One type test per file: each holds what must compile, and lines that must not. */
function typeTests() {
  const folder = join(root, "test", "types");
  if (!existsSync(join(folder, "tsconfig.json"))) return { passed: 0, failed: 0 };
  console.log("\n── types: test/types");
  const files = readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith(".ts")).length;
  const failed = run("tsc", ["-p", folder]) !== 0;
  console.log(failed ? "   type tests failed" : `   ${files} files of type tests compile as they should`);
  return failed ? { passed: 0, failed: files } : { passed: files, failed: 0 };
}

/** All projects, cheapest first; arguments of `npm test -- …` go to vitest. */
function vitest() {
  console.log("\n── vitest");
  const report = join(scratch, "vitest.json");
  rmSync(report, { force: true });
  const status = run("vitest", ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)]);
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
  // A skipped test proves nothing, and a file that could not be loaded has no tests to count.
  const skipped = numPendingTests + numTodoTests;
  if (skipped > 0 && process.argv.length === 2) console.error(`${skipped} tests were skipped; that counts as failed.`);
  const failed = numFailedTests + (process.argv.length === 2 ? skipped : 0);
  return { passed: numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
}

const parts = [typeTests(), vitest()];
const passed = parts.reduce((sum, part) => sum + part.passed, 0);
const failed = parts.reduce((sum, part) => sum + part.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
