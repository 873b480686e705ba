// `npm run check:client`: what `millrace/client` adds to a page, with everything it exports and nothing else.
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { root } from "./install.mjs";

const LIMIT = 8 * 1_024;

const built = await build({
  root,
  configFile: false,
  logLevel: "error",
  build: {
    write: false,
    minify: true,
    target: "es2022",
    rolldownOptions: { input: join(root, "src/client/index.ts"), preserveEntrySignatures: "strict" },
  },
});
const { output } = /** @type {{ output: { code: string }[] }} */ (/** @type {unknown} */ (built));
const code = output.map((chunk) => chunk.code).join("");
const bytes = gzipSync(code, { level: 9 }).length;
console.log(`millrace/client: ${bytes} bytes gzip of ${LIMIT}, ${code.length} before${bytes > LIMIT ? ", TOO LARGE" : ""}`);
process.exit(bytes > LIMIT ? 1 : 0);
