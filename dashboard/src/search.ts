import { STATUSES } from "../../src/policy/status.ts";

/** What a search is made of: `status:failed tag:order=4217 "no such host"`. */
export interface Search {
  /** Repeated ones count all; of others the last. */
  tokens: readonly Token[];
  /** What is no token. */
  text: string;
}

interface Token {
  name: TokenName;
  value: string;
}

/** The tokens, and what each looks at. */
const TOKENS = {
  domain: "tasks of one domain",
  type: "tasks of one type",
  status: "any of these statuses",
  tag: "key=value; several: all of them",
  error: "text in the error",
  key: "the duplicate key, exactly",
  id: "one task",
  group: "tasks of one group",
  priority: "a name or a number",
  schedule: "submitted by this schedule",
  parent: "children of this task",
} as const;
export type TokenName = keyof typeof TOKENS;

export const SHOWN_STATUSES: readonly string[] = [...STATUSES, "paused"];
const MANY: ReadonlySet<TokenName> = new Set(["status", "tag"]);
const ID = /^[a-z][a-z0-9-]{0,62}_\d+$/;

const isName = (name: string): name is TokenName => Object.hasOwn(TOKENS, name);

/** Reads a search: words and quoted texts, of which those that begin with a token's name are tokens. */
export function parseSearch(text: string): Search {
  const tokens: Token[] = [];
  const words: string[] = [];
  for (const match of text.matchAll(/(?:([a-z]+):)?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/g)) {
    const [whole, name, quoted, plain] = match;
    const value = quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "";
    if (name === undefined || !isName(name)) words.push(name === undefined ? value : whole);
    else for (const one of name === "status" ? value.split(",") : [value]) if (one !== "") tokens.push({ name, value: one });
  }
  return {
    tokens: tokens.filter(({ name }, at) => MANY.has(name) || tokens.findLastIndex((other) => other.name === name) === at),
    text: words.join(" "),
  };
}

/** The text of a search again. */
export function formatSearch({ tokens, text }: Search): string {
  return [...tokens.map(({ name, value }) => written(name, value)), text].filter(Boolean).join(" ");
}

/** A token as it is typed: with quotes where its value needs them. */
export const written = (name: TokenName, value: string): string => `${name}:${quote(value)}`;

const quote = (value: string): string => (/[\s"]/.test(value) ? `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"` : value);

/** A request for a list. */
export interface Listing {
  /** undefined: all of them. */
  domain: string | undefined;
  /** One task, asked for by its id. */
  id: string | undefined;
  /** As the routes of lists take them. */
  filters: Record<string, string | string[]>;
}

/** What the mill is asked for: one task, or a list. A text that looks like an id is one. */
export function listingOf({ tokens, text }: Search): Listing {
  const filters: Record<string, string | string[]> = {};
  let domain: string | undefined;
  let id = ID.test(text) && tokens.length === 0 ? text : undefined;
  for (const { name, value } of tokens) {
    if (name === "domain") domain = value;
    else if (name === "id") id = value;
    else if (name === "tag") append(filters, "tag", value.replace("=", ":"));
    else if (name === "status") append(filters, "status", value);
    else filters[name] = value;
  }
  if (text !== "" && id === undefined) filters.q = text;
  return { domain, id, filters };
}

function append(filters: Record<string, string | string[]>, name: string, value: string): void {
  filters[name] = [...((filters[name] as string[] | undefined) ?? []), value];
}

/** With a token on or off: of names that count once, instead of the one that is there. */
export function toggle(search: Search, name: TokenName, value: string): Search {
  const without = search.tokens.filter((token) => token.name !== name || (MANY.has(name) && token.value !== value));
  const had = search.tokens.some((token) => token.name === name && token.value === value);
  return { ...search, tokens: had ? without : [...without, { name, value }] };
}

/** What can be completed: the values of a name that the mill knows. */
export type Known = Partial<Record<TokenName, readonly string[]>>;

/** Completions of the word before the cursor, at most eight: whole texts, and where the cursor goes. */
export function complete(text: string, cursor: number, known: Known): { label: string; hint: string; text: string; cursor: number }[] {
  const start = Math.max(text.lastIndexOf(" ", cursor - 1) + 1, 0);
  const word = text.slice(start, cursor);
  const [name = "", value] = word.split(":", 2);
  const put = (label: string, hint: string) => ({
    label,
    hint,
    text: text.slice(0, start) + label + text.slice(cursor),
    cursor: start + label.length,
  });
  if (value === undefined) {
    return Object.entries(TOKENS)
      .filter(([token]) => token.startsWith(name))
      .map(([token, hint]) => put(`${token}:`, hint))
      .slice(0, word === "" ? 11 : 8);
  }
  if (!isName(name)) return [];
  return (
    (known[name] ?? [])
      .filter((one) => one.startsWith(value) && one !== value)
      .slice(0, 8)
      // A key of a tag has its value still to come.
      .map((one) => put(one.endsWith("=") ? `${name}:${one}` : `${written(name, one)} `, ""))
  );
}
