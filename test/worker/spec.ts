import fc from "fast-check";

// Reads JSON Schema 2020-12 as `/openapi.json` uses it: to judge a value, and to make values. A keyword that it does not
// know is an error, so that a schema never says more than is checked.
export type Schema = Record<string, any>;

const ANNOTATIONS = new Set(["description", "example", "default", "title", "format"]);

/** What is wrong with a value by a schema of the document; empty where nothing is. */
export function faults(document: Schema, schema: Schema, value: unknown, at = ""): string[] {
  const found: string[] = [];
  const say = (isWrong: boolean, what: string) => isWrong && found.push(`${at || "/"}: ${what}`);
  const inner = (one: Schema, part: unknown, name: string | number) => found.push(...faults(document, one, part, `${at}/${name}`));
  for (const [keyword, rule] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword)) {
      if (keyword === "format" && rule === "date-time") say(Number.isNaN(Date.parse(String(value))), "no date-time");
      continue;
    }
    const judge = JUDGES[keyword];
    if (judge) judge(rule, value, { document, schema, say, inner, at });
    else say(true, `unknown keyword ${keyword}`);
  }
  return found;
}

interface Judging {
  document: Schema;
  schema: Schema;
  say: (isWrong: boolean, what: string) => unknown;
  inner: (schema: Schema, part: unknown, name: string | number) => unknown;
  at: string;
}
type Judge = (rule: any, value: any, judging: Judging) => void;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const passes = ({ document }: Judging, schema: Schema, value: unknown) => faults(document, schema, value).length === 0;

const JUDGES: Record<string, Judge | undefined> = {
  $ref: (rule, value, { document, inner }) => inner(resolve(document, rule), value, ""),
  allOf: (rule, value, { inner }) => rule.forEach((one: Schema) => inner(one, value, "")),
  anyOf: (rule, value, judging) =>
    judging.say(!rule.some((one: Schema) => passes(judging, one, value)), `none of ${rule.length} ways: ${show(value)}`),
  not: (rule, value, judging) => judging.say(passes(judging, rule, value), "is what it must not be"),
  enum: (rule, value, { say }) => say(!rule.includes(value), `${show(value)} is none of ${rule.join(", ")}`),
  const: (rule, value, { say }) => say(rule !== value, `${show(value)} is not ${show(rule)}`),
  type: (rule, value, { say }) => {
    const kinds: string[] = [rule].flat();
    say(
      !kinds.includes(typeOf(value)) && !(kinds.includes("number") && typeOf(value) === "integer"),
      `${show(value)} is no ${kinds.join(" or ")}`,
    );
  },
  minimum: (rule, value, { say }) => say(typeof value === "number" && value < rule, `${show(value)} < ${rule}`),
  maximum: (rule, value, { say }) => say(typeof value === "number" && value > rule, `${show(value)} > ${rule}`),
  minLength: (rule, value, { say }) => say(typeof value === "string" && [...value].length < rule, "too short"),
  maxLength: (rule, value, { say }) => say(typeof value === "string" && [...value].length > rule, "too long"),
  maxItems: (rule, value, { say }) => say(Array.isArray(value) && value.length > rule, "too many"),
  pattern: (rule, value, { say }) =>
    say(typeof value === "string" && !new RegExp(rule, "u").test(value), `${show(value)} does not match ${rule}`),
  items: (rule, value, { inner }) => Array.isArray(value) && value.forEach((item, index) => inner(rule, item, index)),
  required: (rule, value, { say }) =>
    isObject(value) && rule.forEach((name: string) => say(!Object.hasOwn(value, name), `${name} is missing`)),
  properties: (rule, value, { inner }) => {
    if (isObject(value)) for (const name of Object.keys(rule)) if (Object.hasOwn(value, name)) inner(rule[name], value[name], name);
  },
  propertyNames: (rule, value, { inner }) => isObject(value) && Object.keys(value).forEach((name) => inner(rule, name, name)),
  additionalProperties: (rule, value, { schema, say, inner }) => {
    if (!isObject(value)) return;
    for (const name of Object.keys(value).filter((one) => !Object.hasOwn(schema.properties ?? {}, one)))
      if (rule === false) say(true, `${name} is not described`);
      else inner(rule, value[name], name);
  },
};

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function resolve(document: Schema, reference: string): Schema {
  return reference
    .slice(2)
    .split("/")
    .reduce((part, name) => part[name.replaceAll("~1", "/")], document);
}

const show = (value: unknown) => JSON.stringify(value)?.slice(0, 300) ?? "undefined";

/** Values that fit a schema; a field of a name in `hints` takes what stands there as often as what its schema says. */
export function fitting(document: Schema, schema: Schema, hints: Record<string, readonly unknown[]>, name = ""): fc.Arbitrary<any> {
  const hint = hints[name]?.filter((value) => faults(document, schema, value).length === 0) ?? [];
  const made = make(document, schema, hints);
  return hint.length > 0 ? fc.oneof({ arbitrary: fc.constantFrom(...hint), weight: 3 }, { arbitrary: made, weight: 1 }) : made;
}

function make(document: Schema, schema: Schema, hints: Record<string, readonly unknown[]>): fc.Arbitrary<any> {
  if (schema.$ref) return make(document, resolve(document, schema.$ref), hints);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one: Schema) => make(document, one, hints)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if ("const" in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => make(document, { ...schema, type }, hints)));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1_000, max: schema.maximum ?? 100_000 });
    case "number":
      return fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    case "string":
      return schema.pattern
        ? fc.stringMatching(new RegExp(schema.pattern, "u"))
        : fc.string({ unit: "grapheme", minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 200) });
    case "array":
      return fc.array(make(document, schema.items ?? {}, hints), { maxLength: 4 });
    case "object":
      return makeObject(document, schema, hints);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function makeObject(document: Schema, schema: Schema, hints: Record<string, readonly unknown[]>): fc.Arbitrary<any> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.fromEntries(
    Object.entries<Schema>(properties).map(([name, one]) => {
      const value = fitting(document, one, hints, name);
      // Most of what may be left out is, as callers do.
      return [name, required.includes(name) ? value : fc.option(value, { nil: undefined, freq: 3 })];
    }),
  );
  const some = fc.record(fields).map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));
  if (!isObject(additionalProperties)) return some;
  return fc.dictionary(fc.string({ maxLength: 20 }), make(document, additionalProperties, hints), { maxKeys: 3 });
}
