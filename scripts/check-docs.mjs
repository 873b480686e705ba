// `npm run check:docs`: every TypeScript snippet of the README and of docs/ compiles against the source.
//
// A snippet is a module of its own. One whose first line is `// path/to/file.ts` is written there, so that other snippets of
// the same page can import it. What a reader need not see stands in an HTML comment `<!-- snippet: … -->` before it.
// A shell snippet that a test runs says so in the comment before it: `<!-- run by test/e2e/start.test.ts -->`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";

const scratch = join(root, ".scratch", "docs");
const below = (/** @type {string} */ folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${String(name).replaceAll("\\", "/")}`);
const pages = ["README.md", ...below("docs"), ...below("examples")].filter(
  (name) => name.endsWith(".md") && !name.includes("node_modules"),
);

/** @param {string} page */
function snippetsOf(page) {
  const lines = readFileSync(join(root, page), "utf8").split("\n");
  const found = [];
  let comment = "";
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line.startsWith("<!--")) {
      const first = at;
      while (at < lines.length - 1 && !(lines[at] ?? "").includes("-->")) at++;
      comment = lines.slice(first, at + 1).join("\n");
      continue;
    }
    const fence = /^( *)```(\w+)/.exec(line);
    if (!fence) {
      if (line.trim()) comment = "";
      continue;
    }
    const start = at + 1;
    while (at < lines.length - 1 && (lines[++at] ?? "").trim() !== "```");
    found.push({ page, line: start, language: fence[2] ?? "", text: lines.slice(start, at).join("\n"), comment });
    comment = "";
  }
  return found;
}

/** @param {ReturnType<typeof snippetsOf>[number]} snippet */
function write(snippet) {
  const folder = join(scratch, snippet.page.replace(/\.md$/, ""));
  const named = /^\/\/ ([\w./-]+\.ts)\b/.exec(snippet.text)?.[1];
  const own = join(folder, dirname(named ?? ""), `line-${snippet.line}.ts`);
  // A file shown twice is compiled twice; others import what was shown first.
  const path = named && !existsSync(join(folder, named)) ? join(folder, named) : own;
  const hidden = /^<!-- snippet:([\s\S]*)-->$/.exec(snippet.comment)?.[1] ?? "";
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${hidden}\n${snippet.text}\nexport {};\n`);
}

const snippets = pages.flatMap(snippetsOf);
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
const typescript = snippets.filter(({ language }) => language === "ts" || language === "typescript");
typescript.forEach(write);
// Snippets name things to show them, so that unused names are no fault; the aliases stand for the package.
writeFileSync(
  join(scratch, "tsconfig.json"),
  JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: {
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: {
        millrace: ["../../src/index.ts"],
        "millrace/client": ["../../src/client/index.ts"],
        "millrace/testing": ["../../src/testing/index.ts"],
        "acme-cdn": ["../../examples/acme-cdn/src/index.ts"],
      },
    },
    include: ["**/*.ts"],
  }),
);

let failed = false;
if (typescript.length > 0) failed = spawnSync("tsc", ["-p", scratch], { cwd: root, env: toolEnvironment(), stdio: "inherit" }).status !== 0;
if (failed)
  console.error(
    "The paths above are .scratch/docs/<page>/line-<line of the fence in the page>.ts, or the name in the snippet's first line.",
  );

for (const { page, line, language, comment } of snippets) {
  if (!["sh", "bash", "shell", "console"].includes(language)) continue;
  const ranBy = /run by (\S+)/.exec(comment)?.[1];
  console.log(`${page}:${line}  shell, ${ranBy ? `run by ${ranBy}` : "not run by a test"}`);
  if (ranBy && !existsSync(join(root, ranBy))) {
    console.error(`${page}:${line} claims to be run by ${ranBy}, which does not exist`);
    failed = true;
  }
}
console.log(`${typescript.length} TypeScript snippets on ${pages.length} pages ${failed ? "do not all compile" : "compile"}`);
process.exit(failed ? 1 : 0);
