import { describe, expect, test } from "vitest";
import { type Answer, setup } from "./setup.ts";

const TASKS = "/v1/domains/media/tasks";
const resize = { type: "resize", payload: { object: "cat", width: 1 } };
const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

/** Refused with this code, as a problem, and nothing changed. */
async function expectRefusal(answer: Answer, status: number, code: string, hint: string | RegExp) {
  expect(answer).toMatchObject({
    status,
    body: { status, code, type: `urn:millrace:error:${code}`, title: expect.any(String), detail: expect.stringMatching(hint) },
  });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:\d|at \w+ \(/);
}

describe("#52 bodies", () => {
  test.each<[name: string, body: unknown, status: number, code: string, hint: string | RegExp]>([
    ["an unknown field", { ...resize, prioritty: "high" }, 400, "invalid_request", 'did you mean "priority"'],
    ["a wholly unknown field", { ...resize, colour: 1 }, 400, "invalid_request", "it takes type, payload"],
    ["__proto__ as a field", '{"type":"resize","payload":{},"__proto__":{"admin":true}}', 400, "invalid_request", "__proto__"],
    ["__proto__, escaped", '{"type":"resize","payload":{},"\\u005f_proto__":{"admin":true}}', 400, "invalid_request", "__proto__"],
    ["__proto__ in a payload", '{"type":"plain","payload":{"a":{"__proto__":1}}}', 400, "invalid_payload", "__proto__"],
    ["__proto__ as a tag", '{"type":"plain","payload":1,"tags":{"__proto__":"x"}}', 400, "invalid_tag", "__proto__"],
    [
      "__proto__ in retry",
      '{"type":"plain","payload":1,"retry":{"kind":"constant","attempts":1,"initial":1,"__proto__":1}}',
      400,
      "invalid_request",
      "__proto__",
    ],
    ["constructor as a field", { ...resize, constructor: 1 }, 400, "invalid_request", "constructor"],
    ["NaN", '{"type":"plain","payload":NaN}', 400, "invalid_request", "not JSON"],
    ["Infinity as a number that is too large", '{"type":"plain","payload":[1e999]}', 400, "invalid_payload", "Infinity"],
    ["an infinite duration", '{"type":"plain","payload":1,"ttl":1e999}', 400, "invalid_request", "ttl"],
    ["an infinite priority", '{"type":"plain","payload":1,"priority":-1e999}', 400, "invalid_request", "priority"],
    ["a lone surrogate in a key", '{"type":"plain","payload":1,"key":"\\ud800"}', 400, "invalid_request", "half surrogate pairs"],
    ["a lone surrogate in a label", '{"type":"plain","payload":1,"label":"\\udc00x"}', 400, "invalid_request", "half surrogate pairs"],
    ["a lone surrogate in a tag", '{"type":"plain","payload":1,"tags":{"a":"\\ud83d"}}', 400, "invalid_tag", "half a surrogate pair"],
    ["NUL in a key", { ...resize, key: "a\0b" }, 400, "invalid_request", "NUL"],
    ["a 2 MB string in the payload", { type: "plain", payload: "x".repeat(2_000_000) }, 413, "payload_too_large", "1048576"],
    ["a 2 MB string as the type", { type: "x".repeat(2_000_000), payload: 1 }, 404, "unknown_type", "no task type"],
    ["a 2 MB string as the key", { ...resize, key: "x".repeat(2_000_000) }, 400, "invalid_request", "key"],
    ["a 2 MB string as a field's name", { ...resize, ["x".repeat(2_000_000)]: 1 }, 400, "invalid_request", "unknown field"],
    ["a 2 MB string as priority", { ...resize, priority: "x".repeat(2_000_000) }, 400, "invalid_request", "priority"],
    ["more than 8 MiB", { type: "plain", payload: "x".repeat(8_388_608) }, 413, "payload_too_large", "8388608"],
    ["nested without end", `{"type":"plain","payload":${deep(100_000)}}`, 400, "invalid_request", "nested"],
    ["a payload nested too deep", `{"type":"plain","payload":${deep(1_010)}}`, 400, "invalid_payload", "nested"],
    ["deep nesting in an option", `{"type":"plain","payload":1,"priority":${deep(1_000)}}`, 400, "invalid_request", "priority"],
    ["not JSON", "{type:1}", 400, "invalid_request", "not JSON"],
    ["cut JSON", '{"type":"plain"', 400, "invalid_request", "not JSON"],
    ["nothing", "", 400, "invalid_request", "empty"],
    ["a list", [resize], 400, "invalid_request", "must be a JSON object"],
    ["null", "null", 400, "invalid_request", "must be a JSON object"],
    ["invalid UTF-8", Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, "invalid_request", "UTF-8"],
    ["UTF-8 cut in the middle", Uint8Array.from([0x22, 0xc3]), 400, "invalid_request", "UTF-8"],
    ["no type", { payload: 1 }, 400, "invalid_request", "type"],
    ["no payload", { type: "plain" }, 400, "invalid_request", "payload"],
    ["a type that is none", { type: 7, payload: 1 }, 400, "invalid_request", "type"],
    ["an unknown type", { type: "resise", payload: 1 }, 404, "unknown_type", 'did you mean "resize"'],
    ["a type of Object", { type: "constructor", payload: 1 }, 404, "unknown_type", "no task type"],
    ["a bad payload", { type: "resize", payload: { object: "cat", width: -1 } }, 400, "invalid_payload", "width"],
    ["a type that HTTP may not submit", { type: "inner", payload: {} }, 400, "not_submittable", "submittable: false"],
    ["a dependency that is no id", { ...resize, dependsOn: ["nonsense"] }, 400, "invalid_dependency", "id of a task"],
    ["a policy that is none", { ...resize, onDependencyFailure: "maybe" }, 400, "invalid_request", "onDependencyFailure"],
    ["a bad group", { ...resize, group: "g\n" }, 400, "invalid_request", "group"],
    ["a parent that is no id", { ...resize, parent: "nobody" }, 400, "invalid_request", "parent"],
    ["a failFast that is neither", { ...resize, failFast: "no" }, 400, "invalid_request", "failFast"],
    ["a debounce with a delay", { ...resize, onDuplicate: { debounce: "5s" }, delay: "1s" }, 400, "invalid_request", "debounce"],
    [
      "a debounce that waits shorter than its window",
      { ...resize, onDuplicate: { debounce: "5s", maxWait: "1s" } },
      400,
      "invalid_request",
      "maxWait",
    ],
    ["a debounce with an unknown member", { ...resize, onDuplicate: { debounce: "5s", max: "1s" } }, 400, "invalid_request", "max"],
    ["an unknown strategy", { ...resize, onDuplicate: "replace" }, 400, "invalid_request", "onDuplicate"],
    ["a priority of Object", { ...resize, priority: "toString" }, 400, "invalid_request", "priority"],
    ["delay and runAt", { ...resize, delay: "1s", runAt: "2026-12-01T00:00:00Z" }, 400, "invalid_request", "not both"],
    ["a runAt without a zone", { ...resize, runAt: "2026-12-01T00:00:00" }, 400, "invalid_request", "runAt"],
    ["a tag that is a number", { ...resize, tags: { a: 1 } }, 400, "invalid_tag", "text"],
    ["tags that are text", { ...resize, tags: "a:b" }, 400, "invalid_request", "tags"],
  ])("%s", async (_name, body, status, code, hint) => {
    const { send, domains, log } = setup();
    await expectRefusal(await send("POST", TASKS, body), status, code, hint);
    expect(domains.media.tasks).toEqual([]);
    expect(log).toEqual([]);
  });

  test("#52 a lone surrogate in a payload is carried unchanged, and answers stay valid UTF-8", async () => {
    const { send, app } = setup();
    const { body } = await send("POST", TASKS, '{"type":"plain","payload":"\\ud800"}');
    expect(body.task.payload).toBe("\ud800");
    const response = await app.request(`/v1/tasks/${body.id}`, {}, { MILLRACE_AUTH: "open" });
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(await response.arrayBuffer());
  });

  test("a payload nested 1,000 levels deep is taken", async () => {
    expect((await setup().send("POST", TASKS, `{"type":"plain","payload":${deep(1_000)}}`)).status).toBe(201);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/jsonp",
    "multipart/form-data",
  ])("content type %s", async (type) => {
    await expectRefusal(
      await setup().send("POST", TASKS, resize, { "content-type": type }),
      400,
      "invalid_request",
      "content-type: application/json",
    );
  });

  test.each(["application/json", "Application/JSON; Charset=UTF-8", "application/vnd.api+json", 'application/json;charset="utf-8"'])(
    "content type %s is taken",
    async (type) => {
      expect((await setup().send("POST", TASKS, resize, { "content-type": type })).status).toBe(201);
    },
  );

  test("a missing content type is taken", async () => {
    expect((await setup().send("POST", TASKS, new TextEncoder().encode(JSON.stringify(resize)))).status).toBe(201);
  });

  test("a Content-Length that says too much is believed, one that says too little is not", async () => {
    const { send } = setup();
    await expectRefusal(await send("POST", TASKS, resize, { "content-length": "9000000" }), 413, "payload_too_large", "8388608");
    await expectRefusal(
      await send("POST", TASKS, `"${"x".repeat(9_000_000)}"`, { "content-length": "10" }),
      413,
      "payload_too_large",
      "8388608",
    );
  });

  test("[limits] a body that never ends is cut off after 8 MiB", async () => {
    let sent = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel() {
        isCancelled = true;
      },
    });
    await expectRefusal(await setup().send("POST", TASKS, endless), 413, "payload_too_large", "8388608");
    expect(isCancelled).toBe(true);
    expect(sent).toBeLessThan(8_388_608 + 4 * 65_536);
  });

  test("a character that is cut between two chunks is whole again", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ type: "plain", payload: "Käse 🧀" }));
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect((await setup().send("POST", TASKS, stream)).body.task.payload).toBe("Käse 🧀");
  });

  test("a bulk filter that is missing, or has a field too many: what it takes is said", async () => {
    const { send } = setup();
    const ask = (body: object) => send("POST", "/v1/domains/media/bulk", body);
    await expectRefusal(await ask({ action: "cancel" }), 400, "invalid_request", "filter: must be an object such as");
    const more = ask({ action: "cancel", filter: { limit: 3 } });
    await expectRefusal(await more, 400, "invalid_request", /filter: has no field "limit"; it takes status, .*until/);
  });

  test("a request that needs no body takes none, or {}", async () => {
    const { send } = setup();
    for (const body of [undefined, "", "{}"]) expect((await send("POST", "/v1/domains/media/pause", body)).status).toBe(200);
    await expectRefusal(await send("POST", "/v1/domains/media/pause", { until: "1h" }), 400, "invalid_request", "takes none");
  });
});

describe("batches", () => {
  test("[batch] every bad index is named, whatever is wrong with it, and nothing is inserted", async () => {
    const { send, domains } = setup();
    const answer = await send("POST", `${TASKS}/batch`, {
      tasks: [
        resize,
        { type: "nope", payload: 1 },
        { type: "inner", payload: {} },
        7,
        { ...resize, dependsOn: [7] },
        { type: "resize", payload: { object: 1, width: 1 } },
        { ...resize, x: 1 },
      ],
    });
    await expectRefusal(answer, 400, "invalid_request", "Nothing was submitted: task 1 ");
    expect(answer.body.failed.map(({ index, code }: { index: number; code: string }) => [index, code])).toEqual([
      [1, "unknown_type"],
      [2, "not_submittable"],
      [3, "invalid_request"],
      [4, "invalid_dependency"],
      [5, "invalid_payload"],
      [6, "invalid_request"],
    ]);
    expect(answer.body.issues.map(({ path }: { path: string }) => path)).toContain("tasks.5.payload.object");
    expect(domains.media.requests).toEqual([]);
  });

  test("one code for all keeps it", async () => {
    const { send } = setup();
    await expectRefusal(
      await send("POST", `${TASKS}/batch`, { tasks: [{ type: "inner", payload: {} }] }),
      400,
      "not_submittable",
      "task 0",
    );
    await expectRefusal(
      await send("POST", `${TASKS}/batch`, { tasks: [{}], defaults: { type: "inner", payload: {} } }),
      400,
      "not_submittable",
      "task 0",
    );
    await expectRefusal(
      await send("POST", `${TASKS}/batch`, { tasks: [{ type: "nope", payload: 1 }] }),
      400,
      "invalid_request",
      "no task type",
    );
  });

  test.each<[unknown, string | RegExp]>([
    [{}, "tasks"],
    [{ tasks: {} }, "list of tasks"],
    [{ tasks: [], task: 1 }, 'did you mean "tasks"'],
    [{ tasks: [], defaults: [] }, "defaults"],
  ])("%j", async (body, hint) => {
    await expectRefusal(await setup().send("POST", `${TASKS}/batch`, body), 400, "invalid_request", hint);
  });

  test("[limits] more than 10,000 tasks", async () => {
    const tasks = Array.from({ length: 10_001 }, () => ({ type: "plain", payload: 1 }));
    await expectRefusal(await setup().send("POST", `${TASKS}/batch`, { tasks }), 413, "payload_too_large", "10000");
  });
});

describe("parameters", () => {
  test.each<[path: string, code: string, hint: string | RegExp]>([
    [`${TASKS}?statuss=failed`, "invalid_request", 'did you mean "status"'],
    [`${TASKS}?foo=1`, "invalid_request", "it takes"],
    [`${TASKS}?status=broken`, "invalid_request", "there are"],
    [`${TASKS}?status=complete`, "invalid_request", 'did you mean "completed"'],
    [`${TASKS}?type=a&type=b`, "invalid_request", "once only"],
    [`${TASKS}?limit=1&limit=2`, "invalid_request", "once only"],
    ...["0", "501", "-1", "1.5", "NaN", "Infinity", "1e2", "", " 5", "0x10", "99999999999"].map((limit): [string, string, string] => [
      `${TASKS}?limit=${limit}`,
      "invalid_request",
      "limit must be",
    ]),
    ...["x", "", "media_1", "%00", "7", "eyJhIjoxfQ", "..%2F"].map((cursor): [string, string, RegExp] => [
      `${TASKS}?cursor=${cursor}`,
      "invalid_request",
      /cursor/,
    ]),
    [`/v1/tasks?cursor=x`, "invalid_request", "cursor"],
    [`/v1/domains/media/schedules?cursor=x`, "invalid_request", "cursor"],
    [`${TASKS}?priority=NaN`, "invalid_request", "priority"],
    [`${TASKS}?priority=256`, "invalid_request", "priority"],
    [`${TASKS}?since=yesterday`, "invalid_request", "since"],
    [`${TASKS}?until=2026-02-30T00:00:00Z`, "invalid_request", "until"],
    [`${TASKS}?tag=nocolon`, "invalid_tag", "key:value"],
    [`${TASKS}?tag=:x`, "invalid_tag", "key:value"],
    [`${TASKS}?type=a%20b`, "invalid_request", "type"],
    [`${TASKS}?schedule=media_1`, "invalid_request", "media_s3"],
    [`${TASKS}?q=`, "invalid_request", "q must be"],
    [`${TASKS}?q=${"x".repeat(257)}`, "invalid_request", "q must be"],
    [`${TASKS}?q=a%00b`, "invalid_request", "NUL"],
    [`${TASKS}?tagPrefix=`, "invalid_request", "tagPrefix must be"],
    [`/v1/domains/media/tags?prefix=${"x".repeat(65)}`, "invalid_request", "prefix must be"],
    [`/v1/domains/media/tags/${"x".repeat(65)}`, "invalid_request", "key must be"],
    ["/v1/domains/media/failures?limit=0", "invalid_request", "limit must be"],
    ["/v1/domains/media/failures?type=a%20b", "invalid_request", "type"],
    ["/v1/domains/media/failures?since=yesterday", "invalid_request", "since"],
    ["/v1/domains/media/series?metric=submited", "invalid_request", 'did you mean "submitted"'],
    ["/v1/domains/media/series?step=7m", "invalid_request", "divide an hour"],
    ["/v1/domains/media/series?step=30s", "invalid_request", "divide an hour"],
    ["/v1/domains/media/series?step=soon", "invalid_request", "step"],
    [`${TASKS}?parent=media`, "invalid_request", "parent"],
    [`/v1/tasks?tagPrefix=${"ü".repeat(33)}`, "invalid_request", "tagPrefix must be"],
    ["/v1/registry?x=1", "invalid_request", "takes none"],
    ["/v1/tasks/media_1/result?wait=61s", "invalid_request", "at most 60s"],
    ["/v1/tasks/media_1/result?wait=-1", "invalid_request", "wait"],
    ["/v1/tasks/media_1/result?wait=soon", "invalid_request", "wait"],
    ["/v1/tasks/media_1/result?wait=1s&wait=2s", "invalid_request", "once only"],
  ])("GET %s", async (path, code, hint) => {
    const { send, domains } = setup();
    await expectRefusal(await send("GET", path), 400, code, hint);
    expect(domains.media.calls).toEqual([]);
  });

  test("a moment may be RFC 3339, or milliseconds since 1970", async () => {
    const { send } = setup();
    for (const since of ["2026-12-01T08:00:00Z", "1796112000000"]) {
      for (const path of [TASKS, "/v1/domains/media/failures"])
        expect((await send("GET", `${path}?since=${since}`)).status, since).toBe(200);
    }
  });

  test("a bad wait or key submits nothing", async () => {
    const { send, domains } = setup();
    await expectRefusal(await send("POST", `${TASKS}?wait=2m`, resize), 400, "invalid_request", "at most 60s");
    for (const key of ["x".repeat(256), "ü", "a\tb"]) {
      await expectRefusal(await send("POST", TASKS, resize, { "idempotency-key": key }), 400, "invalid_request", "Idempotency-Key");
    }
    expect(domains.media.calls).toEqual([]);
  });

  test("a cursor of other filters, of another domain or of all domains is refused", async () => {
    const { send } = setup();
    for (const width of [1, 2, 3]) await send("POST", TASKS, { type: "resize", payload: { object: "cat", width } });
    const { next } = (await send("GET", `${TASKS}?limit=1`)).body;
    expect((await send("GET", `${TASKS}?limit=2&cursor=${next}`)).status).toBe(200);
    for (const path of [
      `${TASKS}?type=resize`,
      "/v1/domains/mail/tasks?limit=1",
      "/v1/tasks?limit=1",
      "/v1/domains/media/schedules?limit=1",
    ]) {
      await expectRefusal(await send("GET", `${path}&cursor=${next}`), 400, "invalid_request", "cursor");
    }
  });
});

describe("ids", () => {
  test.each<[path: string, code: string, hint: string | RegExp]>([
    ["/v1/tasks/media_1", "task_not_found", "no task media_1"],
    ["/v1/tasks/ghost_1", "unknown_domain", "no domain"],
    ["/v1/tasks/mediaa_1", "unknown_domain", 'did you mean "media"'],
    ...[
      "media",
      "media_",
      "media_0",
      "media_01",
      "media_-1",
      "media_1e3",
      "media_99999999999999999",
      "MEDIA_1",
      "__proto___1",
      "media_1%00",
      "%F0%9F",
      "media_s1",
      "x".repeat(5_000),
    ].map((id): [string, string, RegExp] => [`/v1/tasks/${id}`, "task_not_found", /not the id of a task/]),
    ["/v1/tasks/media_1/result", "task_not_found", "no task"],
    ["/v1/schedules/media_1", "schedule_not_found", "not the id of a schedule"],
    ["/v1/schedules/media_s1", "schedule_not_found", "no schedule"],
    ["/v1/schedules/ghost_s1", "unknown_domain", "no domain"],
    ["/v1/domains/medai", "unknown_domain", 'did you mean "media"'],
    ["/v1/domains/constructor/tasks", "unknown_domain", "no domain"],
    ["/v1/domains/__proto__", "unknown_domain", "no domain"],
  ])("GET %s", async (path, code, hint) => {
    await expectRefusal(await setup().send("GET", path), 404, code, hint);
  });
});

describe("routes", () => {
  test.each<[method: string, path: string, hint: string]>([
    ["GET", "/v1/domain", "/v1/domains"],
    ["GET", "/v1/task/media_1", "/v1/tasks/media_1"],
    ["POST", "/v1/tasks/media_1/cancle", "/v1/tasks/media_1/cancel"],
    ["GET", "/v1/tasks/", "/v1/tasks"],
    ["GET", "/domains", "/v1/domains"],
    ["GET", "/v1/domains/media/taks", "/v1/domains/media/tasks"],
  ])("%s %s: 404 with the one that was meant", async (method, path, hint) => {
    const answer = await setup().send(method, path);
    await expectRefusal(answer, 404, "not_found", "did you mean");
    expect(answer.body.didYouMean).toBe(hint);
  });

  test.each(["/", "/v1", "/v1/", "/favicon.ico", `/v1/${"x".repeat(3_000)}`, "/v1/%E0%A4%A"])("GET %s: 404", async (path) => {
    await expectRefusal(await setup().send("GET", path), 404, "not_found", "There is no GET");
  });

  test.each([
    ["DELETE", "/v1/tasks/media_1", "GET, HEAD"],
    ["PUT", "/v1/domains/media/tasks", "POST, GET, HEAD"],
    ["POST", "/v1/registry", "GET, HEAD"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("%s %s: 405 with what it takes", async (method, path, allow) => {
    const answer = await setup().send(method, path);
    await expectRefusal(answer, 405, "method_not_allowed", allow);
    expect(answer.headers.get("allow")).toBe(allow);
  });

  test("HEAD and OPTIONS", async () => {
    const { send } = setup();
    const head = await send("HEAD", "/v1/registry");
    expect(head).toMatchObject({ status: 200, body: undefined });
    expect(head.headers.get("content-type")).toContain("application/json");
    const options = await send("OPTIONS", "/v1/domains/media");
    expect(options).toMatchObject({ status: 204, body: undefined });
    expect(options.headers.get("allow")).toBe("GET, HEAD, PATCH");
    expect(options.headers.get("access-control-allow-origin")).toBeNull();
  });
});
