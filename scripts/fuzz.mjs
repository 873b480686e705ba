// `npm run fuzz -- [rounds] [files…]`: the tests that begin with chance, each round with another seed; stops at the first that fails.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { installIfNeeded, root, toolEnvironment } from "./install.mjs";

installIfNeeded();
const [first = "10", ...rest] = process.argv.slice(2);
const hasRounds = /^\d+$/.test(first);
const rounds = hasRounds ? Number(first) : 10;
const named = hasRounds || process.argv.length === 2 ? rest : [first, ...rest];

/** Whole processes that are killed take minutes: by name alone. */
const files =
  named.length > 0
    ? named
    : ["policy", "workerd"].flatMap((project) =>
        readdirSync(join(root, "test", project), { recursive: true })
          .map((name) => join("test", project, String(name)))
          .filter((path) => path.endsWith(".test.ts") && /fast-check|\/seed\.ts/.test(readFileSync(join(root, path), "utf8"))),
      );

for (let round = 1; round <= rounds; round += 1) {
  const seed = String(randomInt(1_000_000_000));
  console.log(`\n── round ${round} of ${rounds}: MILLRACE_SEED=${seed}`);
  const { status } = spawnSync("vitest", ["run", "--reporter=dot", ...files], {
    cwd: root,
    env: { ...toolEnvironment(), MILLRACE_SEED: seed },
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status === 0) continue;
  console.error(`\nTo see it again: MILLRACE_SEED=${seed} npx vitest run ${named.join(" ") || "<the file that failed>"}`);
  process.exit(status ?? 1);
}
console.log(`\n${rounds} rounds, nothing found`);
