// Part of `npm run check:docs`: every relative link of the pages and of llms.txt leads to a file, and to a heading where it names
// one; llms.txt lists every page of docs/.
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./install.mjs";
import { pages, textOf } from "./pages.mjs";

const INDEX = "llms.txt";
/** @type {string[]} */
const problems = [];

/** Without fenced blocks and code in a line: what looks like a link there is none. @param {string} page */
const prose = (page) =>
  textOf(page)
    .replaceAll(/^ *```[\s\S]*?^ *```$/gm, "")
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));

/** The anchors that GitHub gives a page's headings. @param {string} page */
function anchorsOf(page) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  return new Set(
    [
      ...textOf(page)
        .replaceAll(/^ *```[\s\S]*?^ *```$/gm, "")
        .matchAll(/^#{1,6} +(.+?) *$/gm),
    ].map(([, heading = ""]) => {
      const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
      const slug = plain.replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, "").replaceAll(" ", "-");
      const before = counts.get(slug) ?? 0;
      counts.set(slug, before + 1);
      return before === 0 ? slug : `${slug}-${before}`;
    }),
  );
}

/** @type {Map<string, Set<string>>} */
const anchors = new Map();

/** The files that a page links to. @param {string} page */
function linksOf(page) {
  /** @type {Set<string>} */
  const found = new Set();
  for (const [, target = ""] of prose(page).matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : posix.normalize(posix.join(posix.dirname(page), decodeURI(path)));
    if (file.startsWith("..") || !existsSync(join(root, file))) {
      problems.push(`${page} links to ${target}, which does not exist`);
      continue;
    }
    found.add(file);
    if (anchor === undefined || !file.endsWith(".md")) continue;
    const known = anchors.get(file) ?? anchorsOf(file);
    anchors.set(file, known);
    if (!known.has(anchor)) problems.push(`${page} links to ${target}, but ${file} has no such heading`);
  }
  return found;
}

let links = 0;
for (const page of pages) links += linksOf(page).size;
const listed = linksOf(INDEX);
for (const page of pages) if (!listed.has(page)) problems.push(`${INDEX} does not list ${page}`);
for (const problem of problems) console.error(problem);
console.log(`${links + listed.size} links on ${pages.length + 1} pages, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
