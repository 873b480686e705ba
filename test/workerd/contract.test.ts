import { createExecutionContext, reset } from "cloudflare:test";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { describe as describeRoutes } from "../../src/worker/openapi/document.ts";
import { ROUTES } from "../../src/worker/gateway.ts";
import { mill } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { faults, fitting, type Schema } from "../worker/spec.ts";

// What `/openapi.json` says is held against a mill that runs: every answer is one that it describes, and a request that it
// calls wrong is refused.
const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
const RUNS = 60;

interface Asked {
  method: string;
  path: string;
  query?: [string, string][];
  body?: unknown;
}

interface Operation {
  name: string;
  method: string;
  path: string;
  spec: Schema;
}

/** As a caller gets it: parsed from the text that is served. */
const document: Schema = JSON.parse(JSON.stringify(describeRoutes(ROUTES)));
const operations: Operation[] = Object.entries<Schema>(document.paths).flatMap(([path, methods]) =>
  Object.entries<Schema>(methods).map(([method, spec]) => ({ name: spec.operationId, method: method.toUpperCase(), path, spec })),
);
const bodySchema = ({ spec }: Operation): Schema | undefined => spec.requestBody?.content["application/json"].schema;

async function ask({ method, path, query = [], body }: Asked): Promise<{ status: number; headers: Headers; text: string }> {
  const search = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const request = new Request(`http://mill${path}${search === "" ? "" : `?${search}`}`, { method, ...json });
  const response = await mill.fetch(request, OPEN, createExecutionContext());
  // A stream of events has no end.
  const isEndless = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (isEndless) await response.body?.cancel();
  return { status: response.status, headers: response.headers, text: isEndless ? "" : await response.text() };
}

/** What is wrong with an answer by what its operation says. */
function unlike({ spec }: Operation, { status, headers, text }: Awaited<ReturnType<typeof ask>>): string[] {
  const described: Schema | undefined = spec.responses[status];
  if (!described) return [`status ${status} is not described: ${text.slice(0, 300)}`];
  const media = headers.get("content-type")?.split(";")[0] ?? "";
  const content: Schema | undefined = described.content[media];
  if (!content) return [`${media} is not what ${status} has`];
  const waits = described.headers?.["Retry-After"] && !/^[1-9]\d*$/.test(headers.get("retry-after") ?? "");
  const wrong = media.endsWith("json") ? faults(document, content.schema, JSON.parse(text)) : [];
  return [...(waits ? [`${status} without Retry-After`] : []), ...wrong];
}

const PATHS: Record<string, string[]> = {
  domain: ["work", "other", "ghost"],
  task: [],
  schedule: [],
  lease: [],
  bulk: ["work_b1", "work_b999", "ghost_b1", "no id"],
  group: ["g", "acme/eu", " "],
  name: ["queue", "9"],
  key: ["order", "_domain", "a/b %"],
};
/** Where no lease is out that a drain would wait for. */
const IDLE = ["other", "ghost"];
/** What makes sense for a field: mostly something that is taken, so that answers of all kinds come about. */
const HINTS: Record<string, readonly unknown[]> = {
  type: ["plain", "plain", "pulled", "parsed", "forgotten", "fleeting", "hidden", "nope"],
  payload: [{ n: 1 }, { n: 2 }, { do: "ok", name: "x" }],
  priority: ["high", "idle", 3, 255],
  delay: ["1h", "0s", 1],
  runAt: ["2026-11-20T12:00:00Z", "2027-01-01T00:00:00.000Z"],
  ttl: ["1h"],
  timeout: ["5s", 30_000],
  deadline: ["1h", "2027-01-01T00:00:00Z"],
  retry: [{ kind: "constant", attempts: 1, initial: "1h" }],
  tags: [{ order: "1" }, {}],
  onDuplicate: ["skip", "supersede", "reject", { debounce: "5s" }],
  dependsOn: [["work_1"], ["work_2", "work_3"], ["work_9999"], []],
  key: [null, "a", "b"],
  every: ["1h", 60_000],
  cron: ["30 2 * * *"],
  timezone: ["UTC", "Europe/Berlin"],
  initialDelay: ["1h"],
  catchUp: ["1h"],
  jitter: ["1m"],
  types: [["pulled"], ["pulled", "parsed"], ["plain"]],
  max: [1, 100],
  lease: ["20s", "12h"],
  // Held answers are told of elsewhere; here they would only take time.
  wait: ["0s", "1ms", 0],
  tag: ["order:1", "team:test"],
  schedule: ["other_s1", "work_s1"],
  since: ["2026-01-01T00:00:00Z"],
  until: ["2027-01-01T00:00:00Z"],
  // Some find nothing to act on, so that the rest of the file does.
  filter: [{ type: "nope" }, { status: "dead_letter" }, { status: ["scheduled"], q: "none such" }],
  status: ["pending", "paused", "completed"],
};
const withoutWaits = (field: string, value: unknown) => (field === "wait" ? "1ms" : value);

/** Requests that fit what is described: names in the path that mostly exist, parameters and a body by their schemas. */
function requests(operation: Operation): fc.Arbitrary<Asked> {
  const { method, path, spec } = operation;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const filled = fc.record(
    Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(path.endsWith("/drain") ? IDLE : PATHS[name]!))])),
  );
  const parameters: Schema[] = (spec.parameters ?? []).filter((parameter: Schema) => parameter.in === "query");
  const query = fc
    .tuple(...parameters.map((parameter) => fc.option(parameterOf(parameter), { nil: [], freq: 4 })))
    .map((lists) => lists.flat());
  const schema = bodySchema(operation);
  const body = schema
    ? fitting(document, schema, HINTS).map((made) =>
        Object.fromEntries(Object.entries(made).map(([name, value]) => [name, withoutWaits(name, value)])),
      )
    : fc.constant(undefined);
  return fc.record({ filled, query, body }).map((made) => ({
    method,
    path: path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(made.filled[name]!)),
    query: made.query.map(([name, value]) => [name, String(withoutWaits(name, value))] as [string, string]),
    ...(made.body === undefined ? {} : { body: made.body }),
  }));
}

function parameterOf({ name, schema }: Schema): fc.Arbitrary<[string, string][]> {
  const one = fitting(document, schema.type === "array" ? schema.items : schema, HINTS, name).map(String);
  return schema.type === "array"
    ? fc.array(one, { maxLength: 3 }).map((values) => values.map((value) => [name, value]))
    : one.map((value) => [[name, value]]);
}

/** The same with one thing wrong by the description. */
function wrong(operation: Operation): fc.Arbitrary<Asked> {
  const schema = bodySchema(operation);
  const ways: fc.Arbitrary<(asked: Asked) => Asked>[] = [
    fc.constant((asked: Asked) => ({ ...asked, query: [...(asked.query ?? []), ["colour", "red"]] })),
  ];
  for (const { name, schema: of, in: where } of (operation.spec.parameters ?? []) as Schema[])
    if (where === "query" && (of.enum ?? of.items?.enum ?? of.minimum ?? of.items?.pattern) !== undefined)
      ways.push(fc.constantFrom("", "-1", "501", "no such", "é").map((value) => (asked) => ({ ...asked, query: [[name, value]] })));
  if (operation.method === "GET") return fc.tuple(requests(operation), fc.oneof(...ways)).map(([asked, change]) => change(asked));
  ways.push(fc.constantFrom<unknown>([], 7, "text", null, { colour: "red" }).map((body) => (asked) => ({ ...asked, body })));
  if (schema) {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, [], {}, -1, 1.5, true, ""));
    const { properties = {} } = document.components.schemas[schema.$ref.split("/").at(-1)] as Schema;
    const field = fc.constantFrom(...Object.keys(properties).filter((name) => name !== "wait"));
    ways.push(
      fc.tuple(field, value).map(([name, made]) => (asked) => ({ ...asked, body: { ...(asked.body as object), [name]: made } })),
    );
  }
  return fc.tuple(requests(operation), fc.oneof(...ways)).map(([asked, change]) => change(asked));
}

/** Whether the description allows a body; what it says of parameters and paths is checked by what is answered. */
const isDescribed = (operation: Operation, { body, query = [] }: Asked) => {
  const schema = bodySchema(operation);
  if (query.some(([name]) => name === "colour")) return false;
  if (body === undefined) return !operation.spec.requestBody?.required;
  return schema
    ? faults(document, schema, body).length === 0
    : faults(document, { type: "object", additionalProperties: false }, body).length === 0;
};

let logged: string[] = [];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => void logged.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  // An unexpected error of any request ends up here.
  expect(logged).toEqual([]);
});

beforeAll(async () => {
  for (const n of [1, 2, 3])
    await ask({ method: "POST", path: "/v1/domains/work/tasks", body: { type: "plain", payload: { n }, delay: "1h" } });
  await ask({ method: "POST", path: "/v1/domains/work/tasks", query: [["wait", "30s"]], body: { type: "plain", payload: { n: 4 } } });
  for (const name of ["a", "b", "c"])
    await ask({ method: "POST", path: "/v1/domains/work/schedules", body: { name, type: "plain", payload: { n: 5 }, every: "1h" } });
  const pulled = Array.from({ length: 12 }, () => ({ type: "pulled", payload: { do: "ok" } }));
  await ask({ method: "POST", path: "/v1/domains/work/tasks/batch", body: { tasks: pulled } });
  const { text } = await ask({ method: "POST", path: "/v1/domains/work/claims", body: { worker: "w", max: 6, lease: "12h", wait: "30s" } });
  PATHS.task = [...Array.from({ length: 30 }, (_, index) => `work_${index + 1}`), "work_99999", "ghost_1", "no id"];
  PATHS.schedule = ["work_s1", "work_s2", "work_s3", "work_s99", "other_s1", "ghost_s1", "no id"];
  PATHS.lease = [...(JSON.parse(text).claims as { lease: string }[]).map(({ lease }) => lease), `work_l${"0".repeat(24)}`, "no id"];
  expect(PATHS.lease.length).toBeGreaterThan(4);
});
afterAll(() => reset());

/** Successes come first, while there is something to act on. */
const EXAMPLE: Record<string, object> = { type: "plain", payload: { n: 1 }, types: ["pulled"] } as never;

describe("what the description calls right", () => {
  test.each(operations.filter(({ spec }) => spec.requestBody?.content["application/json"].example).map((one) => [one.name, one] as const))(
    "%s takes its example",
    async (name, operation) => {
      const { example } = operation.spec.requestBody.content["application/json"];
      const body = { ...example };
      for (const field of ["type", "payload"]) if (field in body) body[field] = EXAMPLE[field];
      if (body.tasks) Object.assign(body, { tasks: [{ payload: { n: 1 } }], defaults: { ...body.defaults, type: "plain" } });
      const lease = ["completeTask", "failTask", "releaseTask"].indexOf(name);
      const fill: Record<string, string> = {
        domain: name === "drainDomain" ? "other" : "work",
        group: "g",
        name: "queue",
        task: "work_4",
        schedule: "work_s3",
        lease: PATHS.lease![lease + 1]!,
      };
      const path = operation.path.replaceAll(/\{(\w+)\}/g, (_all, of: string) => fill[of]!);
      const answer = await ask({ method: operation.method, path, body });
      expect([name, answer.status, answer.text]).toEqual([name, expect.toSatisfy((status: number) => status < 300), answer.text]);
      expect(unlike(operation, answer)).toEqual([]);
    },
  );

  test.each(operations.map((one) => [one.name, one] as const))("%s answers as described", async (_name, operation) => {
    await fc.assert(
      fc.asyncProperty(requests(operation), async (asked) => {
        expect(unlike(operation, await ask(asked))).toEqual([]);
      }),
      { numRuns: operation.spec.parameters || operation.spec.requestBody ? RUNS : 3 },
    );
  });
});

test("who asks to depend on a task that does not exist is told so, as described", async () => {
  const every = { name: "dependent", type: "plain", payload: { n: 1 }, every: "1h" };
  const made = JSON.parse((await ask({ method: "POST", path: "/v1/domains/work/schedules", body: every })).text);
  const asked: [string, object][] = [
    ["submitTask", { type: "plain", payload: { n: 1 } }],
    ["createSchedule", every],
    ["changeSchedule", {}],
  ];
  for (const [name, body] of asked) {
    const operation = operations.find((one) => one.name === name)!;
    const path = operation.path.replace("{domain}", "work").replace("{schedule}", made.id);
    for (const id of ["no id", "work_99999", "ghost_1"]) {
      const answer = await ask({ method: operation.method, path, body: { ...body, dependsOn: [id] } });
      expect([name, id, JSON.parse(answer.text).code]).toEqual([name, id, "invalid_dependency"]);
      expect(unlike(operation, answer)).toEqual([]);
    }
  }
});

describe("what the description calls wrong", () => {
  test.each(operations.filter(({ path }) => path !== "/healthz").map((one) => [one.name, one] as const))(
    "%s refuses it, as described",
    async (_name, operation) => {
      await fc.assert(
        fc.asyncProperty(wrong(operation), async (asked) => {
          const answer = await ask(asked);
          expect(unlike(operation, answer)).toEqual([]);
          if (!isDescribed(operation, asked))
            expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status >= 400 && status < 500) });
        }),
        { numRuns: RUNS },
      );
    },
  );
});

test("the counters of every domain still balance", async () => {
  for (const domain of ["work", "other"]) await expectBalanced(domain);
});
