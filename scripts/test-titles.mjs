// Reads the titles of the tests from their source: of every describe, test and it, with those around it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAst } from "vitest/node";
import { root } from "./install.mjs";

/** @typedef {{ file: string, line: number, titles: string[], skipped: boolean }} Title One test, outermost title first. */

const CALLS = new Set(["describe", "test", "it"]);
/** What keeps a test from running, so that it proves nothing. */
const OFF = new Set(["skip", "todo", "skipIf", "runIf", "fails"]);

/**
 * The names of `test.each(…)(…)`, `it.skip(…)`, from the left: `["test", "each"]`. Undefined when it is not such a call.
 *
 * @param {any} callee
 * @returns {string[] | undefined}
 */
function chain(callee) {
  if (callee.type === "Identifier") return CALLS.has(callee.name) ? [callee.name] : undefined;
  if (callee.type === "CallExpression") return chain(callee.callee);
  if (callee.type === "TaggedTemplateExpression") return chain(callee.tag);
  if (callee.type !== "MemberExpression") return undefined;
  const names = chain(callee.object);
  return names && [...names, callee.property.name];
}

/**
 * The text of a title; what a template puts in shows as `…`.
 *
 * @param {any} node
 * @returns {string | undefined}
 */
function textOf(node) {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type !== "TemplateLiteral") return undefined;
  return node.quasis.map((/** @type {any} */ quasi) => quasi.value.cooked).join("…");
}

/**
 * @param {string} file
 * @returns {Title[]}
 */
export function titlesOf(file) {
  const source = readFileSync(join(root, file), "utf8");
  /** @type {Title[]} */
  const found = [];
  /** @param {any} node @param {string[]} around @param {boolean} skipped */
  const visit = (node, around, skipped) => {
    if (Array.isArray(node)) {
      for (const one of node) visit(one, around, skipped);
      return;
    }
    if (node === null || typeof node !== "object") return;
    const names = node.type === "CallExpression" ? chain(node.callee) : undefined;
    const title = names && textOf(node.arguments[0]);
    if (!names || title === undefined) {
      for (const value of Object.values(node)) visit(value, around, skipped);
      return;
    }
    const titles = [...around, title];
    const off = skipped || names.some((name) => OFF.has(name));
    if (names[0] === "describe") visit(node.arguments.slice(1), titles, off);
    else found.push({ file, line: source.slice(0, node.start).split("\n").length, titles, skipped: off });
  };
  visit(parseAst(source, { lang: "ts" }, file), [], false);
  return found;
}

/** Every test below test/ and of the examples, by file and line. */
export function allTitles() {
  return ["test", "examples"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${String(name).replaceAll("\\", "/")}`),
    )
    .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
    .sort()
    .flatMap(titlesOf);
}
