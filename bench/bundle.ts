import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environment, NODE, ROOT } from "../test/e2e/mill.ts";

/**
 * Bundles the bench Worker once, as a deploy would: `wrangler dev` on the sources would load it anew, in the middle of
 * a measurement, whenever a file changes.
 *
 * @returns the folder of its `wrangler.toml`
 */
export function bundle(home: string): string {
  const source = fileURLToPath(new URL("worker", import.meta.url));
  const folder = join(home, "worker");
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  execFileSync(NODE, [wrangler, "deploy", "--dry-run", "--outdir", folder], {
    cwd: source,
    env: environment(home),
    stdio: ["ignore", "ignore", "inherit"],
  });
  const config = readFileSync(join(source, "wrangler.toml"), "utf8");
  writeFileSync(join(folder, "wrangler.toml"), config.replace('main = "index.ts"', 'main = "index.js"\nno_bundle = true'));
  return folder;
}
