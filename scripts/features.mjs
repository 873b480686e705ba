// Part of `npm run docs`: writes docs/features.md from scripts/features.json and the titles of the tests. A test names the
// feature that it proves in brackets, `[ttl] …`, and a known bug by its number, `#17`. `--check` writes nothing. Both fail
// when a feature has no test, or a title names one that does not exist.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./install.mjs";
import { allTitles } from "./test-titles.mjs";

/** @typedef {import("./test-titles.mjs").Title} Title */
/** @typedef {{ name: string, means: string }} Row */
/** @typedef {{ number: number, title: string, notApplicable?: string }} Scenario */

const PAGE = "docs/features.md";
const DATA = "scripts/features.json";
/** @type {{ pending: string[], pendingScenarios: number[], sections: { title: string, rows: Row[] }[], scenarios: Scenario[] }} */
const { pending, pendingScenarios, sections, scenarios } = JSON.parse(readFileSync(join(root, DATA), "utf8"));

const MARK = /\[([a-z][^\]]*)\]|(?<![\w&#])#(\d+)\b/gi;

/** What a title names, and the title without that. @param {string} title */
function marksOf(title) {
  const marks = [...title.matchAll(MARK)].map(([, name, number]) => (name === undefined ? `#${number}` : name.toLowerCase()));
  return { marks, text: title.replaceAll(MARK, "").replaceAll(/\s+/g, " ").trim() };
}

/** @type {Map<string, Map<string, { file: string, text: string }>>} By mark: what proves it, each title once. */
const proofs = new Map();
/** @type {string[]} */
const problems = [];
const features = sections.flatMap(({ rows }) => rows.map(({ name }) => name));
const known = new Set([...features.map((name) => name.toLowerCase()), ...scenarios.map(({ number }) => `#${number}`)]);
const early = new Set([...pending, ...pendingScenarios.map((number) => `#${number}`)].map((mark) => mark.toLowerCase()));

for (const { file, line, titles, skipped } of allTitles()) {
  titles.forEach((title, depth) => {
    for (const mark of marksOf(title).marks) {
      if (!known.has(mark)) problems.push(`${file}:${line} names "${mark}", which is not in ${DATA}`);
      if (skipped) continue;
      // A mark on a describe stands for all of it, so that its own title is shown.
      const text = titles
        .slice(0, depth + 1)
        .map((one) => marksOf(one).text)
        .filter(Boolean)
        .join(" › ");
      const found = proofs.get(mark) ?? new Map();
      proofs.set(mark, found.set(`${file} ${text}`, { file, text }));
    }
  });
}

/** What need not be proven yet, without a test and with one. @type {{ missing: string[], begun: string[] }} */
const waiting = { missing: [], begun: [] };
/** Fails when nothing proves it, unless it may wait. @param {string} name */
function demand(name) {
  const mark = name.toLowerCase();
  if (early.has(mark)) (proofs.has(mark) ? waiting.begun : waiting.missing).push(name);
  else if (!proofs.has(mark))
    problems.push(`no test names ${name.startsWith("#") ? name : `[${name}]`}: put that into the title of one that proves it`);
}
features.forEach(demand);
for (const { number, notApplicable } of scenarios) {
  if (notApplicable === undefined) demand(`#${number}`);
  else if (proofs.has(`#${number}`)) problems.push(`#${number} is said not to apply, and has a test`);
}
for (const mark of early) if (!known.has(mark)) problems.push(`"${mark}" is pending in ${DATA}, but there is no such feature`);

/** @param {string} text */
const escaped = (text) => text.replaceAll(/[\\*_`[\]|]/g, String.raw`\$&`).replaceAll("<", "&lt;");
/** @param {string} mark */
const links = (mark) => {
  const found = [...(proofs.get(mark.toLowerCase())?.values() ?? [])];
  return found.length === 0 ? ["- *not yet*"] : found.map(({ file, text }) => `- [${escaped(text)}](../${file})`);
};

const lines = [
  "# Features, and the tests that prove them",
  "",
  "Written by `npm run docs` from `scripts/features.json` and the titles of the tests; `npm run check:generated` fails when a feature has no test or this page is stale.",
  "A test's title names what it proves: `[ttl]` a feature of this page, `#17` a bug of the list at its end.",
];
for (const { title, rows } of sections) {
  lines.push("", `## ${title}`);
  for (const { name, means } of rows) lines.push("", `### ${name}`, "", means, "", ...links(name));
}
lines.push(
  "",
  "## Bugs that other queues had",
  "",
  "Each happened somewhere; here a test keeps it from happening, or a reason says why it cannot.",
);
for (const { number, title, notApplicable } of scenarios)
  lines.push("", `### ${number}. ${title}`, "", ...(notApplicable ? [`Does not apply: ${notApplicable}`] : links(`#${number}`)));
const text = `${lines.join("\n")}\n`;

if (process.argv.includes("--check")) {
  let before = "";
  try {
    before = readFileSync(join(root, PAGE), "utf8");
  } catch {
    // Not written yet: stale.
  }
  if (before !== text) problems.push(`${PAGE} is stale: run npm run docs`);
} else writeFileSync(join(root, PAGE), text);

if (early.size > 0) {
  console.warn(`\n!!! PENDING in ${DATA}: ${early.size}`);
  if (waiting.missing.length > 0) console.warn(`!!! without a test: ${waiting.missing.join(" · ")}`);
  if (waiting.begun.length > 0) console.warn(`!!! with one, so take it off when it is whole: ${waiting.begun.join(" · ")}`);
  console.warn("");
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
