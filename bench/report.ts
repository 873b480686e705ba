import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import Table from "cli-table3";

/** One table of the report. */
export interface Sheet {
  title: string;
  head: string[];
  rows: string[][];
}

/** What was promised, and what was measured. */
export interface Verdict {
  what: string;
  target: string;
  measured: string;
  met: boolean;
}

const BEGIN = "<!-- bench: written by `npm run bench` -->";
const END = "<!-- bench: end -->";

/** The whole report on a terminal. */
export function print(sheets: readonly Sheet[], verdicts: readonly Verdict[]): void {
  for (const { title, head, rows } of [...sheets, verdictSheet(verdicts)]) {
    if (rows.length === 0) continue;
    const table = new Table({
      head,
      style: { head: [], border: [] },
      colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
    });
    table.push(...rows);
    console.log(`\n${title}\n${table.toString()}`);
  }
}

/** The same as Markdown, between the markers of the page. */
export function write(page: URL, sheets: readonly Sheet[], verdicts: readonly Verdict[], how: string): void {
  const text = readFileSync(page, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`${page.pathname} has lost its markers ${BEGIN} and ${END}.`);
  const tables = [verdictSheet(verdicts), ...sheets].filter(({ rows }) => rows.length > 0).map(markdown);
  writeFileSync(page, [text.slice(0, begin) + BEGIN, "", `${how} ${machine()}`, "", ...tables, text.slice(end)].join("\n"));
}

/** The same for some scenarios: their tables take the place of those that stand there, with a line on how they were measured. */
export function writeSome(page: URL, sheets: readonly Sheet[], verdicts: readonly Verdict[], how: string): void {
  let text = readFileSync(page, "utf8");
  for (const sheet of sheets.filter(({ rows }) => rows.length > 0)) {
    const table = `${markdown(sheet)}\n${how} ${machine()}\n`;
    const [begin, end] = placeOf(text, `### ${sheet.title}\n`);
    text = `${text.slice(0, begin)}${table}\n${text.slice(end)}`;
  }
  const [begin, end] = placeOf(text, "### Targets\n");
  const known = text.slice(begin, end).trimEnd().split("\n");
  for (const line of verdictSheet(verdicts).rows.map((cells) => `| ${cells.join(" | ")} |`)) {
    const name = line.slice(0, line.indexOf(" | "));
    const at = known.findIndex((other) => other.startsWith(`${name} |`));
    if (at === -1) known.push(line);
    else known[at] = line;
  }
  writeFileSync(page, `${text.slice(0, begin)}${known.join("\n")}\n\n${text.slice(end)}`);
}

/** Where a section begins and ends: at the next one, or at the end of what is measured; a new one goes last. */
function placeOf(text: string, heading: string): [begin: number, end: number] {
  const last = text.indexOf(END);
  const begin = text.indexOf(heading, text.indexOf(BEGIN));
  if (begin === -1 || begin > last) return [last, last];
  const next = text.indexOf("\n### ", begin);
  return [begin, next === -1 || next > last ? last : next + 1];
}

function markdown({ title, head, rows }: Sheet): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map((_, column) => (column === 0 ? "---" : "---:")));
  return [`### ${title}`, "", line(head), rule, ...rows.map(line), ""].join("\n");
}

function verdictSheet(verdicts: readonly Verdict[]): Sheet {
  return {
    title: "Targets",
    head: ["what", "target", "measured", "met"],
    rows: verdicts.map(({ what, target, measured, met }) => [what, target, measured, met ? "yes" : "**no**"]),
  };
}

/** Processor, memory, versions: without them a number says nothing. */
function machine(): string {
  const versionOf = (name: string) =>
    (JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")) as { version: string }).version;
  const [cpu] = cpus();
  const model = cpu?.model.trim() ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${model}), ${memory} GB, Node ${process.versions.node}, wrangler ${versionOf("wrangler")}, workerd ${versionOf("workerd")}.`;
}
