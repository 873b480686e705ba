// `npm run check:docs`: every TypeScript snippet of the README, of docs/ and of the examples compiles against the source; JSON,
// TOML and Python can be read; shell and Python snippets are run by a test, or say why not.
//
// A snippet is a module of its own. One whose first line is `// path/to/file.ts` is written there, so that other snippets of
// the same page can import it. What a reader need not see stands in an HTML comment `<!-- snippet: … -->` before it.
// A snippet that a test runs says so in the comment before it: `<!-- run by test/e2e/start.test.ts -->`; one that cannot be run
// says why: `<!-- not run: it needs an account -->`. `<!-- same as examples/… -->` demands that it is the text of that file.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, toolEnvironment } from "./install.mjs";
import { pages, snippetsOf, textOf } from "./pages.mjs";

/** @typedef {import("./pages.mjs").Snippet} Snippet */

const scratch = join(root, ".scratch", "docs");
/** @type {string[]} */
const problems = [];

/** @param {Snippet} snippet */
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

/** @param {Snippet[]} snippets */
function compile(snippets) {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  snippets.forEach(write);
  // Snippets name things to show them, so that unused names are no fault; the aliases stand for the package.
  writeFileSync(
    join(scratch, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: {
        types: ["@cloudflare/workers-types", "@cloudflare/vitest-plugin/types"],
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
  if (snippets.length > 0 && spawnSync("tsc", ["-p", scratch], { cwd: root, env: toolEnvironment(), stdio: "inherit" }).status !== 0)
    problems.push(
      "The paths above are .scratch/docs/<page>/line-<line of the fence in the page>.ts, or the name in the snippet's first line.",
    );
}

/** Reads texts of one language with Python's own parsers; all in one process. @param {Snippet[]} snippets */
function parse(snippets) {
  const script = `
import ast, json, sys, tomllib
readers = {"json": json.loads, "toml": tomllib.loads, "python": ast.parse}
for one in json.load(sys.stdin):
    try:
        readers[one["language"]](one["text"])
    except Exception as error:
        print(f'{one["page"]}:{one["line"]} is no {one["language"]}: {error}')
`;
  const { stdout, status, stderr } = spawnSync("python3", ["-c", script], { input: JSON.stringify(snippets), encoding: "utf8" });
  if (status !== 0) problems.push(`python3 could not look at the snippets: ${stderr}`);
  problems.push(...stdout.split("\n").filter(Boolean));
}

/** @param {Snippet} snippet */
function demandRun({ page, line, language, comment }) {
  const ranBy = /run by (\S+)/.exec(comment)?.[1];
  if (ranBy === undefined && !/<!-- not run: \S/.test(comment))
    problems.push(`${page}:${line}: no test runs this ${language} snippet; name the test, or say in <!-- not run: … --> why none can`);
  if (ranBy !== undefined && !existsSync(join(root, ranBy)))
    problems.push(`${page}:${line} claims to be run by ${ranBy}, which does not exist`);
}

/** A snippet that is a file of the repository, but for a first line that names it. @param {Snippet} snippet */
function demandSame({ page, line, text, comment }) {
  const file = /<!-- same as (\S+) -->/.exec(comment)?.[1];
  if (file === undefined) return;
  const there = existsSync(join(root, file)) ? textOf(file).trimEnd() : undefined;
  if (text.replace(/^\/\/ \S+\n/, "") !== there) problems.push(`${page}:${line} is not the same as ${file} any more`);
}

for (const page of pages) if (/^(<{7}|>{7})( |$)/m.test(textOf(page))) problems.push(`${page} has the marks of a merge in it`);
const snippets = pages.flatMap(snippetsOf);
const typescript = snippets.filter(({ language }) => language === "ts" || language === "typescript");
const shell = snippets.filter(({ language }) => ["sh", "bash", "shell", "console", "python"].includes(language));
compile(typescript);
parse(snippets.filter(({ language }) => ["json", "toml", "python"].includes(language)));
shell.forEach(demandRun);
snippets.forEach(demandSame);
for (const problem of problems) console.error(problem);
const ran = shell.filter(({ comment }) => comment.includes("run by ")).length;
console.log(
  `${pages.length} pages: ${typescript.length} TypeScript snippets, ${ran} of ${shell.length} commands are run, ${problems.length} problems`,
);
process.exit(problems.length > 0 ? 1 : 0);
