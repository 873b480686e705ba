// The pages that people read, and the snippets in them: for `npm run check:docs` and for the test that runs shell snippets.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./install.mjs";

const below = (/** @type {string} */ folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${String(name).replaceAll("\\", "/")}`);

/** Every page, by its path in the repository. */
export const pages = ["README.md", ...below("docs"), ...below("examples")]
  .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
  .sort();

/** @param {string} page */
export const textOf = (page) => readFileSync(join(root, page), "utf8");

/** @typedef {{ page: string, line: number, language: string, text: string, comment: string }} Snippet A fenced block, with the HTML comment right before it. */

/**
 * @param {string} page
 * @returns {Snippet[]}
 */
export function snippetsOf(page) {
  const lines = textOf(page).split("\n");
  /** @type {Snippet[]} */
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
    const fence = /^( *)```(\w*)/.exec(line);
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
