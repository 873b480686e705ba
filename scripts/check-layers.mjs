// `npm run check:layers`: data flows one way, worker → durable → policy; the client fits into a browser.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./install.mjs";

/** Per folder: what its files may not import, types included, and why. */
const RULES = [
  { from: /^src\/policy\//, never: /^src\/(?!policy\/|clock\.ts$)/, why: "policy is at the bottom: pure rules that know nobody" },
  { from: /^src\/policy\//, never: /^(node:|cloudflare:|hono|drizzle-orm|zod)/, why: "policy does no I/O" },
  {
    from: /^src\/durable\//,
    never: /^src\/worker\//,
    why: "the objects do not know the gateway; user code is reached through the registry",
  },
  {
    from: /^src\/domains\//,
    never: /^src\/(durable|worker)\/(?!protocol\.ts$)/,
    why: "a definition is a value; only its protocol is known to it",
  },
  {
    from: /^src\/(?!cli\/)/,
    never: /^(src\/cli\/|commander|cli-table3|cli-progress)/,
    why: "the command line stands beside the library: nothing of it comes into a Worker",
  },
];
/** What no chain of imports from the client may reach, types aside. */
const NOT_IN_CLIENT = /^(cloudflare:|zod($|\/)|drizzle-orm|croner|@noble\/|hono($|\/)|src\/(durable|worker)\/)/;

/** @param {string} file @returns {{ target: string, typeOnly: boolean }[]} */
function importsOf(file) {
  const source = readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const found = [];
  const statements = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:([\w*\s{},$]+?)\s+from\s+)?["']([^"']+)["']/g;
  for (const [, , type, names, specifier] of source.matchAll(statements)) {
    const allTypes =
      names?.trim().startsWith("{") &&
      names
        .replaceAll(/[{}]/g, "")
        .split(",")
        .every((name) => !name.trim() || name.trim().startsWith("type "));
    found.push({ target: resolve(file, specifier ?? ""), typeOnly: Boolean(type ?? allTypes) });
  }
  for (const [, specifier] of source.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) {
    found.push({ target: resolve(file, specifier ?? ""), typeOnly: false });
  }
  return found;
}

/** @param {string} file @param {string} specifier */
function resolve(file, specifier) {
  return specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)).replaceAll("\\", "/") : specifier;
}

const problems = [];
const files = readdirSync(join(root, "src"), { recursive: true })
  .map((name) => `src/${String(name).replaceAll("\\", "/")}`)
  .filter((name) => name.endsWith(".ts"));
for (const file of files) {
  for (const { target } of importsOf(file)) {
    for (const rule of RULES) {
      if (rule.from.test(file) && rule.never.test(target)) problems.push(`${file} imports ${target}: ${rule.why}`);
    }
  }
}

const entry = "src/client/index.ts";
/** @type {[string, string[]][]} */
const queue = existsSync(join(root, entry)) ? [[entry, [entry]]] : [];
if (queue.length === 0) problems.push(`${entry} is missing`);
const seen = new Set([entry]);
for (const [file, path] of queue) {
  for (const { target, typeOnly } of importsOf(file)) {
    if (typeOnly || seen.has(target)) continue;
    seen.add(target);
    if (NOT_IN_CLIENT.test(target)) problems.push(`the client reaches ${target}: ${path.join(" → ")}`);
    else if (target.startsWith("src/")) queue.push([target, [...path, target]]);
  }
}

for (const problem of problems) console.error(problem);
console.log(`${files.length} files, ${seen.size} reached from the client, ${problems.length} imports against the layers`);
process.exit(problems.length === 0 ? 0 : 1);
