import * as z from "zod/mini";
import { fail } from "../../policy/errors.ts";
import { LIMITS } from "../../policy/limits.ts";
import type { QueryShape } from "../query.ts";
import type { AskedRoute } from "../route.ts";
import { ANSWERS } from "./answers.ts";
import { HEALTH, type Operation, OPERATIONS, TAGS } from "./operations.ts";
import { FIELDS, IDEMPOTENCY, type JsonSchema, PATH, QUERY } from "./parameters.ts";
import { codesOf, PROBLEM, problemResponses } from "./problems.ts";

/** `/openapi.json`: OpenAPI 3.1. */
export interface Description {
  openapi: string;
  info: Record<string, unknown>;
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: { securitySchemes: Record<string, unknown>; schemas: Record<string, JsonSchema> };
}

const HEALTH_ROUTE: AskedRoute = { method: "GET", path: "/healthz", role: "viewer" };

/**
 * The description of these routes, made of the schemas that judge their requests.
 *
 * @throws `internal` naming a route, parameter or name in a path of which nothing is said
 */
export function describe(routes: readonly AskedRoute[]): Description {
  const names = bodyNames(routes);
  const paths: Description["paths"] = {};
  for (const route of [...routes, HEALTH_ROUTE]) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, names) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Millrace",
      version: "1.0.0",
      summary: "A typed, durable task queue.",
      description:
        'JSON in, JSON out. Times are RFC 3339 in UTC with milliseconds; durations are `"30s"` or milliseconds in requests, milliseconds in answers. Unknown fields and parameters are refused.',
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token of `MILLRACE_TOKENS`; its role says what it may do." },
      },
      schemas: { ...schemasOf(routes, names), Problem: PROBLEM },
    },
  };
}

/** What is said of a route. @throws `internal` where that is nothing */
function operationFor({ method, path }: AskedRoute): Operation {
  const found = path === HEALTH_ROUTE.path ? HEALTH : OPERATIONS[`${method} ${path}`];
  if (found) return found;
  throw fail("internal", `${method} ${path} has no entry in src/worker/openapi/operations.ts; every built route needs one.`);
}

/** The bodies' schemas and their names under `components.schemas`; routes that share a body share its name. */
function bodyNames(routes: readonly AskedRoute[]): Map<z.ZodMiniObject, string> {
  const names = new Map<z.ZodMiniObject, string>();
  for (const route of routes) {
    const schema = route.body?.schema;
    const { id } = operationFor(route);
    if (schema && !names.has(schema)) names.set(schema, `${id[0]!.toUpperCase()}${id.slice(1)}Body`);
  }
  return names;
}

const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

function operationOf(route: AskedRoute, names: Map<z.ZodMiniObject, string>): Record<string, unknown> {
  const operation = operationFor(route);
  const isOpen = route.path === HEALTH_ROUTE.path;
  const codes = isOpen ? (["internal"] as const) : codesOf(route, operation);
  const role = isOpen ? "Needs no token." : `Needs the role \`${route.role}\`.`;
  const parameters = parametersOf(route, operation);
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    description: [operation.description, role].filter(Boolean).join("\n\n"),
    ...(isOpen ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: bodyOf(route, operation, names) } : {}),
    responses: { ...answersOf(operation), ...problemResponses(codes) },
  };
}

function bodyOf({ body }: AskedRoute, { example }: Operation, names: Map<z.ZodMiniObject, string>): Record<string, unknown> {
  const schema = reference(names.get(body!.schema)!);
  return {
    required: body!.optional !== true,
    content: { "application/json": { schema, ...(example === undefined ? {} : { example }) } },
  };
}

function answersOf({ answers }: Operation): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  for (const [status, answer] of Object.entries(answers)) {
    const text = answer.startsWith("text:") ? answer.slice("text:".length) : undefined;
    const content = text === undefined ? { "application/json": { schema: reference(answer) } } : { [text]: { schema: { type: "string" } } };
    responses[status] = { description: text === undefined ? answer : "Text.", content };
  }
  return responses;
}

function parametersOf(route: AskedRoute, operation: Operation): object[] {
  const parameters: object[] = [];
  for (const [, name = ""] of route.path.matchAll(/:(\w+)/g))
    parameters.push({ name, in: "path", required: true, ...known(PATH, name, route) });
  parameters.push(...queryOf(route, route.query ?? {}));
  if (operation.codes?.includes("idempotency_conflict")) parameters.push(IDEMPOTENCY);
  return parameters;
}

function queryOf(route: AskedRoute, { once = [], many = [] }: QueryShape): object[] {
  const single = once.map((name) => ({ name, in: "query", ...known(QUERY, name, route) }));
  const repeated = many.map((name) => {
    const { schema, ...rest } = known(QUERY, name, route);
    return { name, in: "query", ...rest, schema: { type: "array", items: schema }, style: "form", explode: true };
  });
  return [...single, ...repeated];
}

function known<Entry>(entries: Readonly<Record<string, Entry>>, name: string, { method, path }: AskedRoute): Entry {
  const found = entries[name];
  if (found) return found;
  throw fail("internal", `${name} of ${method} ${path} is not described in src/worker/openapi/parameters.ts.`);
}

const CONVERSION = { io: "input", unrepresentable: "any", override } as const;

/** All schemas at once, so that they refer to each other by name. */
function schemasOf(routes: readonly AskedRoute[], names: Map<z.ZodMiniObject, string>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...CONVERSION, uri: (id) => `#/components/schemas/${id}` });
  const made = schemas as Record<string, JsonSchema>;
  for (const schema of Object.values(made)) for (const noise of ["$id", "$schema"]) delete schema[noise];
  for (const name of names.values()) describeFields(made[name]!);
  for (const route of routes) {
    const { items } = operationFor(route);
    if (items && route.body) fieldsOf(made[names.get(route.body.schema)!]!)[items.field] = listOf(items);
  }
  return made;
}

/** Items may take what they lack from the defaults: nothing is required of them. */
function listOf({ field, shape }: NonNullable<Operation["items"]>): JsonSchema {
  const { required: _required, $schema: _schema, ...item } = z.toJSONSchema(shape.schema, CONVERSION) as JsonSchema;
  return { type: "array", maxItems: LIMITS.batchTasksMax, description: FIELDS[field], items: item };
}

function fieldsOf(schema: JsonSchema): Record<string, JsonSchema> {
  return schema.properties as Record<string, JsonSchema>;
}

function describeFields(schema: JsonSchema): void {
  for (const [name, field] of Object.entries(fieldsOf(schema))) if (FIELDS[name] !== undefined) field.description = FIELDS[name];
}

/** Without what a reader learns nothing from: the bounds of safe integers, and the regular expression of a date. */
function override({ jsonSchema }: { jsonSchema: JsonSchema }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}
