import { describe as group, expect, test } from "vitest";
import { ERROR_STATUS } from "../../../src/policy/errors.ts";
import { ROUTES } from "../../../src/worker/gateway.ts";
import { ANSWERS } from "../../../src/worker/openapi/answers.ts";
import { describe } from "../../../src/worker/openapi/document.ts";
import { OPERATIONS } from "../../../src/worker/openapi/operations.ts";
import { FIELDS, PATH, QUERY } from "../../../src/worker/openapi/parameters.ts";
import { setup } from "./setup.ts";

const key = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

group("every route is described, and nothing else", () => {
  test.each(ROUTES.map((route) => [key(route), route] as const))("%s", (_name, route) => {
    // It throws, naming what is missing: an operation, a parameter, a name in the path.
    const { paths } = describe([route]);
    const operation = paths[route.path.replaceAll(/:(\w+)/g, "{$1}")]![route.method.toLowerCase()]!;
    expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
    expect(operation.description).toContain(`\`${route.role}\``);
    const statuses = Object.keys(operation.responses as object).map(Number);
    expect(statuses).toEqual(expect.arrayContaining([400, 401, 403, 429, 500]));
  });

  test("no operation is left over from a route that is gone, and none shares its name", () => {
    expect(Object.keys(OPERATIONS).filter((name) => !ROUTES.some((route) => key(route) === name))).toEqual([]);
    const ids = Object.values(OPERATIONS).map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  test("every field of every body has a word said about it, and every word is about something", () => {
    const fields = new Set(ROUTES.flatMap(({ body }) => Object.keys(body?.schema.shape ?? {})));
    expect([...fields].filter((name) => FIELDS[name] === undefined)).toEqual([]);
    expect(Object.keys(FIELDS).filter((name) => !fields.has(name))).toEqual([]);
    const asked = new Set(ROUTES.flatMap(({ query }) => [...(query?.once ?? []), ...(query?.many ?? [])]));
    expect(Object.keys(QUERY).filter((name) => !asked.has(name))).toEqual([]);
    expect(Object.keys(PATH).filter((name) => !ROUTES.some(({ path }) => path.includes(`:${name}`)))).toEqual([]);
  });

  test("every answer is answered by some route", () => {
    const text = JSON.stringify(describe(ROUTES));
    const used = (name: string) => text.includes(`"#/components/schemas/${name}"`);
    expect(Object.keys(ANSWERS).filter((name) => !used(name))).toEqual([]);
  });

  test("examples fit the schema that judges them", () => {
    for (const route of ROUTES) {
      const { example } = OPERATIONS[key(route)]!;
      if (example) expect([key(route), route.body!.schema.safeParse(example).error]).toEqual([key(route), undefined]);
      // A body that has to be there shows what it looks like.
      else expect([key(route), route.body?.optional ?? true]).toEqual([key(route), true]);
    }
  });
});

test("a route, a parameter or a path that is not described is refused by name", () => {
  const route = { method: "GET", path: "/v1/new/:thing", role: "viewer" } as const;
  expect(() => describe([route])).toThrow("GET /v1/new/:thing has no entry in src/worker/openapi/operations.ts");
  const known = ROUTES.find(({ path }) => path === "/v1/tasks")!;
  expect(() => describe([{ ...known, query: { once: ["colour"] } }])).toThrow("colour of GET /v1/tasks is not described");
});

test("problems are told by status, each with the codes that it may carry", () => {
  const { paths } = describe(ROUTES);
  const { responses } = paths["/v1/domains/{domain}/tasks"]!.post! as { responses: Record<string, any> };
  const codes = responses[409].content["application/problem+json"].schema.allOf[1].properties.code.enum;
  expect(codes).toEqual(["rejected_duplicate", "idempotency_conflict"]);
  expect(responses[503].headers["Retry-After"]).toBeDefined();
  for (const operations of Object.values(paths)) {
    for (const { responses } of Object.values(operations)) {
      for (const [status, response] of Object.entries(responses as Record<string, any>)) {
        const of: string[] = response.content["application/problem+json"]?.schema.allOf[1].properties.code.enum ?? [];
        for (const code of of) expect(ERROR_STATUS[code as keyof typeof ERROR_STATUS]).toBe(Number(status));
      }
    }
  }
});

test("GET /openapi.json: for viewers and above, under the prefix it is asked at", async () => {
  const { app, send } = setup();
  const { status, headers, body } = await send("GET", "/openapi.json");
  expect([status, headers.get("content-type")]).toEqual([200, "application/json; charset=UTF-8"]);
  expect(body).toMatchObject({ openapi: "3.1.0", servers: [{ url: "/" }], security: [{ token: [] }] });
  expect(body).toEqual(JSON.parse(JSON.stringify(describe(ROUTES))));
  const { Hono } = await import("hono");
  const host = new Hono().route("/queue", app as never);
  const mounted = await host.request("/queue/openapi.json", {}, { MILLRACE_AUTH: "open" });
  expect(await mounted.json()).toMatchObject({ servers: [{ url: "/queue" }] });
  expect(await setup({}).send("GET", "/openapi.json")).toMatchObject({ status: 401 });
});
