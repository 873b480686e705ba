/** A piece of JSON Schema, as the registry tells it. */
export interface Schema {
  type?: string | readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema | boolean;
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  $ref?: string;
  $defs?: Readonly<Record<string, Schema>>;
  default?: unknown;
  title?: string;
  description?: string;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** How a value is asked for; `json`: as text, where no form says it better. */
export type Kind =
  | { kind: "object"; properties: [name: string, schema: Schema, required: boolean][] }
  /** One of several objects. */
  | { kind: "variants"; ways: readonly Schema[] }
  | { kind: "list"; items: Schema }
  | { kind: "choice"; options: readonly unknown[] }
  | { kind: "text"; long: boolean }
  | { kind: "number"; whole: boolean }
  | { kind: "switch" }
  | { kind: "json" };

/** A pattern that is longer than that helps nobody. */
const PATTERN_SHOWN = 40;
/** Texts that may be longer than this get a field of several lines. */
const LONG = 4_000;

/** What a schema stands for: references followed, and the one real member of "this or null". */
function resolve(schema: Schema, root: Schema): Schema {
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? "")?.[1];
  const target = name === undefined ? undefined : root.$defs?.[name];
  if (target && target !== schema) return { ...resolve(target, root), ...without(schema) };
  const ways = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== "null");
  return ways?.length === 1 ? { ...resolve(ways[0]!, root), ...without(schema) } : schema;
}

function without({ description, title, default: usual }: Schema): Schema {
  return {
    ...(description === undefined ? {} : { description }),
    ...(title === undefined ? {} : { title }),
    ...(usual === undefined ? {} : { default: usual }),
  };
}

/** How the value of a schema is asked for. */
export function kindOf(given: Schema, root: Schema): Kind {
  const schema = resolve(given, root);
  if (schema.enum) return { kind: "choice", options: schema.enum };
  if (schema.const !== undefined) return { kind: "choice", options: [schema.const] };
  const ways = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== "null").map((way) => resolve(way, root));
  if (ways) {
    if (ways.every(({ properties }) => properties)) return { kind: "variants", ways };
    const options = ways.flatMap((way) => (way.const !== undefined ? [way.const] : (way.enum ?? [undefined])));
    return options.includes(undefined) ? { kind: "json" } : { kind: "choice", options };
  }
  const types = [schema.type ?? []].flat().filter((type) => type !== "null");
  if (types.length !== 1) return { kind: "json" };
  switch (types[0]) {
    case "object":
      return schema.properties
        ? {
            kind: "object",
            properties: Object.entries(schema.properties).map(([name, inner]) => [name, inner, schema.required?.includes(name) === true]),
          }
        : { kind: "json" };
    case "array":
      return typeof schema.items === "object" ? { kind: "list", items: schema.items } : { kind: "json" };
    case "string":
      return { kind: "text", long: (schema.maxLength ?? 0) > LONG };
    case "number":
    case "integer":
      return { kind: "number", whole: types[0] === "integer" };
    case "boolean":
      return { kind: "switch" };
    default:
      return { kind: "json" };
  }
}

/** Whether it may be null, too. */
export function isNullable(given: Schema, root: Schema): boolean {
  const ways = given.anyOf ?? given.oneOf ?? [];
  if (ways.some(({ type }) => type === "null") || [given.type ?? []].flat().includes("null")) return true;
  const resolved = resolve(given, root);
  return resolved !== given && ways.length === 0 && isNullable(resolved, root);
}

/** Which of several objects a value is: the one whose constants it has, else the one whose required members. */
export function wayOf(ways: readonly Schema[], value: unknown): number {
  const has = (value ?? {}) as Readonly<Record<string, unknown>>;
  const constants = ({ properties = {} }: Schema) => Object.entries(properties).filter(([, { const: only }]) => only !== undefined);
  const isIt = (way: Schema) =>
    constants(way).every(([name, { const: only }]) => has[name] === only) && (way.required ?? []).every((name) => name in has);
  const byConstants = ways.findIndex(
    (way) => constants(way).length > 0 && constants(way).every(([name, inner]) => has[name] === inner.const),
  );
  return Math.max(0, byConstants >= 0 ? byConstants : ways.findIndex(isIt));
}

/** What one of several objects is called: by its title, else by its constants. */
export function wayName({ title, properties = {} }: Schema, at: number): string {
  const constants = Object.values(properties).flatMap(({ const: only }) => (only === undefined ? [] : [String(only)]));
  return title ?? (constants.length > 0 ? constants.join(", ") : `variant ${at + 1}`);
}

/** What a form begins with: what is required, as empty as it may be, and the defaults. */
export function blank(given: Schema, root: Schema): unknown {
  const schema = resolve(given, root);
  if (schema.default !== undefined) return schema.default;
  if (isNullable(given, root)) return null;
  const kind = kindOf(schema, root);
  switch (kind.kind) {
    case "object":
      return Object.fromEntries(kind.properties.filter(([, , required]) => required).map(([name, inner]) => [name, blank(inner, root)]));
    case "variants":
      return blank(kind.ways[0] ?? {}, root);
    case "list":
      return [];
    case "choice":
      return kind.options[0] ?? null;
    case "text":
      return "";
    case "number":
      return schema.minimum !== undefined && schema.minimum > 0 ? schema.minimum : 0;
    case "switch":
      return false;
    default:
      return null;
  }
}

/** In words what a value has to be, for the line below its field. */
export function hintOf(given: Schema, root: Schema): string {
  const { description, format, minimum, maximum, maxLength, pattern } = resolve(given, root);
  const range = minimum !== undefined && maximum !== undefined && maximum < 1e15 ? `${minimum} to ${maximum}` : "";
  return [
    description,
    format,
    range,
    maxLength === undefined ? "" : `at most ${maxLength} characters`,
    pattern === undefined || format !== undefined || pattern.length > PATTERN_SHOWN ? "" : `like ${pattern}`,
  ]
    .filter((part) => part !== undefined && part !== "")
    .join(", ");
}
