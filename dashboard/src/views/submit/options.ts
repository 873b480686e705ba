/** The options of a submit that the form asks for, as typed. */
export const OPTIONS = [
  { name: "priority", hint: "high, normal, … or 0 to 255" },
  { name: "delay", hint: "30s, 10m, 2h" },
  { name: "tags", hint: "order=4217 tier=gold" },
  { name: "dependsOn", hint: "ids of tasks that have to end before" },
  { name: "key", hint: "a duplicate key of your own" },
  { name: "group", hint: "shares a cap, weight and rate" },
  { name: "label", hint: "for people" },
] as const;
type OptionName = (typeof OPTIONS)[number]["name"];
export type Typed = Partial<Record<OptionName, string>>;

/** What is typed, as the body of a submit has it. */
export function optionsBody(typed: Typed): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const { name } of OPTIONS) {
    const text = typed[name]?.trim() ?? "";
    if (text === "") continue;
    if (name === "tags") body.tags = Object.fromEntries(wordsOf(text).map(tagOf));
    else if (name === "dependsOn") body.dependsOn = wordsOf(text);
    else if (name === "priority" && /^\d+$/.test(text)) body.priority = Number(text);
    else body[name] = text;
  }
  return body;
}

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

function tagOf(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
