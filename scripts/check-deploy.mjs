// `npm run check:deploy`: what `npm run deploy` would upload, and how large it is, without uploading it.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildDashboardIfStale } from "./dashboard.mjs";
import { root, toolEnvironment } from "./install.mjs";

const scratch = join(root, ".scratch", "deploy");
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
buildDashboardIfStale();

/** Bundles a Worker as a deploy would, and returns the gzipped bytes of everything it would upload. @param {string} name @param {string[]} args */
function bundle(name, args) {
  const out = join(scratch, `${name}-out`);
  const { status, stdout, stderr } = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", out, ...args], {
    cwd: root,
    env: { ...toolEnvironment(), CI: "1" },
    encoding: "utf8",
  });
  if (status !== 0) {
    console.error(`wrangler deploy --dry-run failed for ${name}:\n${stdout}\n${stderr}`);
    process.exit(1);
  }
  const uploaded = readdirSync(out, { recursive: true })
    .map((file) => join(out, String(file)))
    .filter((file) => statSync(file).isFile() && !/(\.map|README\.md)$/.test(file));
  return uploaded.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
}

/**
 * The smallest host app: one plain domain, the date and the two class names. It imports zod's names one by one:
 * with `import { z }` esbuild keeps all of zod and its 50 languages, 80 KB that Millrace has no part in.
 */
function writeTiny() {
  const classes = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["MillDomain", "MillCoordinator"]\n';
  writeFileSync(
    join(scratch, "wrangler.toml"),
    `name = "tiny"\nmain = "tiny.ts"\ncompatibility_date = "2026-11-01"\nminify = true\n${classes}`,
  );
  writeFileSync(
    join(scratch, "tiny.ts"),
    `import { createMill, defineDomain } from "../../src/index.ts";
import * as z from "zod";
const plain = defineDomain("plain").task("double", { payload: z.object({ n: z.number() }), key: () => null, execute: ({ n }) => ({ doubled: 2 * n }) });
const mill = createMill({ domains: [plain] });
export const { MillDomain, MillCoordinator, MillRunner } = mill;
export default mill;
`,
  );
}

writeTiny();
const sizes = [
  { what: "with the example domains and their codec", bytes: bundle("examples", []), limit: 1_000_000 },
  {
    what: "examples/host: an app around a mill, with a domain from a package",
    bytes: bundle("host", ["--config", join(root, "examples", "host", "wrangler.toml")]),
    limit: 400_000,
  },
  { what: "a host app with one plain domain", bytes: bundle("tiny", ["--config", join(scratch, "wrangler.toml")]), limit: 250_000 },
];
for (const { what, bytes, limit } of sizes) {
  console.log(`${what}: ${(bytes / 1_000).toFixed(1)} KB gzip of ${limit / 1_000} KB${bytes > limit ? ", TOO LARGE" : ""}`);
}
process.exit(sizes.every(({ bytes, limit }) => bytes <= limit) ? 0 : 1);
