// Part of `npm run docs`: writes docs/reference/ from the doc comments of the public interfaces, and from the limits. `--check`
// writes nothing and fails when a page is stale.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./install.mjs";
import { LIMITS_PAGE } from "./limits-page.mjs";

/** @typedef {{ name: string, optional: boolean, text: string }} Member */

/**
 * The members of an interface, with the first paragraph of what stands above each; a member without a comment tells its type.
 *
 * @param {string} file below src/
 * @param {string} name of an interface, or of a type that is an object
 * @returns {Member[]}
 */
function membersOf(file, name) {
  const source = readFileSync(join(root, "src", file), "utf8");
  const start = new RegExp(`^(?:export )?(?:interface|type) ${name}\\b`, "m").exec(source)?.index ?? -1;
  // Its own `{` ends a line; those of its type parameters do not.
  const open = /\{\n/.exec(source.slice(Math.max(start, 0)));
  if (start < 0 || !open) throw new Error(`src/${file} has no ${name}`);
  const body = source.slice(start + open.index + 2).split(/^\}/m)[0] ?? "";
  /** @type {Member[]} */
  const members = [];
  const pattern = /(?:^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^ {2}(?:readonly )?(\w+)(\??)([(<:].*)$/gm;
  for (const [, comment, member = "", mark, rest = ""] of body.matchAll(pattern)) {
    if (/^: (undefined|never);/.test(rest) || members.some((known) => known.name === member)) continue;
    const text = comment === undefined ? typeOf(rest) : proseOf(comment);
    members.push({ name: member, optional: mark === "?", text });
  }
  for (const base of basesOf(source.slice(start, start + open.index), source, file)) members.push(...membersOf(...base));
  return members;
}

/**
 * The interfaces that one extends, with their files.
 *
 * @param {string} head from its name to its `{`
 * @param {string} source
 * @param {string} file
 * @returns {[file: string, name: string][]}
 */
function basesOf(head, source, file) {
  let flat = head;
  // Without type parameters, whose bounds say "extends", too.
  while (/<[^<>]*>/.test(flat)) flat = flat.replaceAll(/<[^<>]*>/g, "");
  const [, bases = ""] = /\bextends ([^{]+)/.exec(flat) ?? [];
  return [...bases.matchAll(/\w+/g)].map(([name]) => {
    const from = new RegExp(`^import (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "(.+)";$`, "m").exec(source)?.[1];
    return [from === undefined ? file : posix.join(posix.dirname(file), from), name];
  });
}

/** @param {string} comment */
function proseOf(comment) {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trim());
  const [prose = ""] = lines
    .join("\n")
    .trim()
    .split(/\n(?=@)|\n\n/);
  const told = prose.replace(/ ?@example .*$/s, "");
  return cell(told.startsWith("@throws") ? `Throws ${told.slice("@throws ".length)}` : told.replace(/\.? @throws /, "; throws "));
}

/** @param {string} rest */
function typeOf(rest) {
  const type = /^: (.+);$/.exec(rest)?.[1];
  return type === undefined ? "" : `\`${type}\``.replaceAll("|", "\\|");
}

/** @param {string} text */
const cell = (text) => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim();

/** @param {Member[]} members @param {string} heading */
function table(members, heading) {
  const rows = members.map(({ name, optional, text }) => `| \`${name}${optional ? "?" : ""}\` | ${text} |`);
  return [`| ${heading} | |`, "|---|---|", ...rows].join("\n");
}

/** @param {string} file @param {string} name @param {string[]} [only] */
const of = (file, name, only) => membersOf(file, name).filter((member) => only === undefined || only.includes(member.name));
/** @param {string} name @param {string} text @returns {Member} */
const by = (name, text) => ({ name, optional: true, text });

const OPTIONS = [
  "# Options",
  "",
  "Everything that can be said to a mill, a domain, a type and a call. Written by `npm run docs` from the doc comments of the code, which an editor shows, too. A name with `?` is optional.",
  "",
  'The nearest wins: call over type over domain over mill over what is built in. Durations are `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"` or milliseconds. An unknown option is an error, with a hint.',
  "",
  "## createMill",
  "",
  table(
    [
      ...membersOf("mill.ts", "MillOptions"),
      by("app", "`(env) => …`: builds `ctx.app`, once per isolate; needed where a domain asks for it"),
    ],
    "`createMill({ … })`",
  ),
  "",
  "### Groups",
  "",
  table(of("policy/group-rules.ts", "GroupOptions"), "`groups: { name: { … } }`"),
  "",
  table(of("policy/group-rules.ts", "RateOptions"), "a rate"),
  "",
  "### Aging",
  "",
  table(of("policy/aging.ts", "AgingOptions"), "`aging: { … }`"),
  "",
  "## defineDomain",
  "",
  table(of("domains/options.ts", "DomainOptions"), "`defineDomain(name, { … })`"),
  "",
  table(of("domains/definition.ts", "Defaults"), "`defaults: { … }` of a mill or a domain"),
  "",
  table(of("domains/definition.ts", "History"), "`history: { … }`"),
  "",
  "## task",
  "",
  table(
    [
      ...membersOf("domains/options.ts", "TaskOptions"),
      ...of("domains/options.ts", "FinalizedOptions", ["finalize"]).map((member) => ({ ...member, optional: true })),
      ...of("domains/options.ts", "PullOptions", ["pull"]).map((member) => ({ ...member, optional: true })),
    ],
    "`.task(name, { … })`",
  ),
  "",
  'Retry policies: `constant(attempts, delay)`, `linear(attempts, initial, max)`, `exponential(attempts, initial, max)`, each with `{ jitter: "full" | "none" }`.',
  "",
  "## singleton",
  "",
  table(of("domains/singleton.ts", "SingletonOptions"), "`.singleton(name, { … })`"),
  "",
  "## schedule",
  "",
  "`type` and `payload`; `every` with `initialDelay?`, or `cron` with `timezone?`; the options of a submit but `key` and `parent`; and",
  "",
  table(of("domains/handle.ts", "FiringOptions"), "`.schedule(name, { … })`"),
  "",
  "## submit",
  "",
  table([...of("domains/handle.ts", "SubmitOptions"), ...of("domains/handle.ts", "CallOptions")], "`handle.submit(type, payload, { … })`"),
  "",
  "## list, count",
  "",
  table(of("domains/handle.ts", "ListQuery"), "`handle.list({ … })`"),
  "",
  "## claim",
  "",
  table(of("domains/claim-options.ts", "ClaimOptions"), "`handle.claim({ … })`"),
  "",
  table(of("domains/claim-options.ts", "RenewOptions"), "`claim.renew({ … })`"),
  "",
  table(of("domains/claim-options.ts", "FailOptions"), "`claim.fail(error, { … })`"),
  "",
  "## createClient",
  "",
  table([...of("client/http.ts", "HttpOptions"), ...of("client/http.ts", "ServiceOptions", ["service"])], "`createClient({ … })`"),
  "",
  "## runTask",
  "",
  table(of("testing/run-task.ts", "RunTaskOptions"), "`runTask(domain, type, payload, { … })`"),
];

const VERBS = [
  "# Verbs",
  "",
  'What a handle, a context and a mill can do. Written by `npm run docs` from the doc comments of the code. Handles are the same inside the Worker (`mill.domain(definition)`), inside a task (`ctx.domain(definition)`) and over HTTP (`client.domain("name")`).',
  "",
  "## The handle of a domain",
  "",
  table(of("domains/handle.ts", "DomainHandle"), "`mill.domain(media)`"),
  "",
  "## A task",
  "",
  table(of("domains/task-handle.ts", "TaskHandle"), "`handle.task(submitted)`"),
  "",
  "## A schedule",
  "",
  table(of("domains/handle.ts", "ScheduleHandle"), "`handle.schedule(id)`"),
  "",
  "## A claim",
  "",
  table(of("domains/claim-handle.ts", "ClaimedTask"), "each of `handle.claim(…)`"),
  "",
  "## A bulk job",
  "",
  table(of("domains/bulk.ts", "BulkHandle"), "`handle.bulk(id)`"),
  "",
  "## The context of an execution",
  "",
  table(of("domains/context.ts", "Context"), "`ctx`"),
  "",
  "## The mill",
  "",
  table(of("mill.ts", "Mill"), "`mill`"),
  "",
  table(of("domains/mill-handle.ts", "GroupHandle"), "`mill.group(name)`"),
];

let stale = 0;
for (const [name, lines] of /** @type {[string, string[]][]} */ ([
  ["options", OPTIONS],
  ["verbs", VERBS],
  ["limits", LIMITS_PAGE],
])) {
  const page = `docs/reference/${name}.md`;
  const text = `${lines.join("\n")}\n`;
  let before = "";
  try {
    before = readFileSync(join(root, page), "utf8");
  } catch {
    // Not written yet: stale.
  }
  if (before === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`${page} is stale: run npm run docs`);
    stale += 1;
    continue;
  }
  mkdirSync(join(root, "docs", "reference"), { recursive: true });
  writeFileSync(join(root, page), text);
}
process.exit(stale > 0 ? 1 : 0);
