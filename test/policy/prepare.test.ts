import { type } from "arktype";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import type { Registry } from "../../src/domains/definition.ts";
import { prepare, prepareAll } from "../../src/domains/prepare.ts";
import { prepareSchedule } from "../../src/domains/schedule.ts";
import { MillraceError } from "../../src/policy/errors.ts";
import { canonicalJson, duplicateHash } from "../../src/policy/key.ts";
import { exponential } from "../../src/policy/retry.ts";
import { buildRegistry } from "../../src/registry.ts";
import { FakeClock } from "./runner-fakes.ts";

const media = defineDomain("media", { defaults: { priority: "high", ttl: "1h", tags: { provider: "acme" } } })
  .task("resize", {
    payload: z.object({ object: z.string(), width: z.number().int().default(320) }),
    key: (payload) => `${payload.object}@${payload.width}`,
    label: (payload) => `Resize ${payload.object}`,
    tags: (payload) => ({ "media.object": payload.object, kind: "image" }),
    execute: () => 1,
  })
  .task("any", { payload: z.unknown(), ttlFrom: "firstAttempt", execute: () => 1 })
  .task("plain", { payload: z.unknown(), key: () => null, ttl: "5m", execute: () => 1 })
  .task("slow", { payload: z.object({ n: z.number() }).refine(async ({ n }) => n > 0, "must be positive"), execute: () => 1 })
  .task("valibot", { payload: v.object({ n: v.number() }), execute: () => 1 })
  .task("arktype", { payload: type({ n: "number" }), execute: () => 1 })
  .task("labelled", { payload: z.string(), label: (text) => text, execute: () => 1 })
  .task("broken", {
    payload: z.unknown(),
    key: () => {
      throw new Error("no key today");
    },
    execute: () => 1,
  });
const registry: Registry = buildRegistry({ domains: [media] });
const clock = new FakeClock();
const one = (name: unknown, payload: unknown, options?: Record<string, unknown>) => prepare(registry, media, name, payload, options, clock);

function refusal(action: () => unknown): MillraceError {
  try {
    action();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a submit made ready", () => {
  test("[validation] key, label and tags see the schema's output; what is stored is its input", () => {
    expect(one("resize", { object: "cat" })).toEqual({
      type: "resize",
      payload: '{"object":"cat"}',
      key: "cat@320",
      hash: duplicateHash("resize", "key", "cat@320"),
      label: "Resize cat",
      tags: { "media.object": "cat", kind: "image" },
      priority: 64,
      ttlMs: 3_600_000,
    });
  });

  test("[key] #34 without a key the canonical payload is the key, whatever the order of members", () => {
    const item = one("any", { b: 1, a: 2 });
    expect(item).toEqual({
      type: "any",
      payload: '{"b":1,"a":2}',
      hash: duplicateHash("any", "payload", canonicalJson({ a: 2, b: 1 })),
      priority: 64,
      ttlMs: 3_600_000,
      ttlFrom: "firstAttempt",
    });
    expect(one("any", { a: 2, b: 1 })).toMatchObject({ hash: (item as { hash: string }).hash });
  });

  test("[key] key: null makes a plain task, from the definition or the call; an explicit key wins over both", () => {
    expect(one("plain", 1)).toEqual({ type: "plain", payload: "1", priority: 64, ttlMs: 300_000 });
    expect(one("resize", { object: "cat" }, { key: null })).not.toHaveProperty("hash");
    expect(one("plain", 1, { key: "mine" })).toMatchObject({ key: "mine", hash: duplicateHash("plain", "key", "mine") });
  });

  test("a call's options win, and only what differs is sent", () => {
    const item = one(
      "resize",
      { object: "cat" },
      {
        label: "mine",
        tags: { kind: "thumb", job: "7" },
        priority: "idle",
        delay: "30s",
        ttl: 1_000,
        ttlFrom: "firstAttempt",
        timeout: "2m",
        deadline: "1d",
        retry: exponential(5, "2s", "2m"),
        onDuplicate: "skip",
      },
    );
    expect(item).toMatchObject({
      label: "mine",
      tags: { "media.object": "cat", kind: "thumb", job: "7" },
      priority: 255,
      delayMs: 30_000,
      ttlMs: 1_000,
      ttlFrom: "firstAttempt",
      timeoutMs: 120_000,
      deadlineMs: 86_400_000,
      retry: { kind: "exponential", attempts: 5, initialMs: 2_000, maxMs: 120_000, jitter: "full" },
    });
    expect(item).not.toHaveProperty("onDuplicate");
    expect(one("any", 1, { ttlFrom: "submit" })).not.toHaveProperty("ttlFrom");
  });

  test("[timeouts] a deadline by default: of the type, else the domain, else the mill; a call's wins", () => {
    const domain = defineDomain("d", { defaults: { deadline: "2h" } })
      .task("own", { payload: z.unknown(), deadline: "1h", execute: () => undefined })
      .task("domains", { payload: z.unknown(), execute: () => undefined });
    const apart = defineDomain("e").task("mills", { payload: z.unknown(), execute: () => undefined });
    const registry = buildRegistry({ domains: [domain, apart], defaults: { deadline: "3h" } });
    const ready = (of: typeof domain | typeof apart, type: string, options?: object) =>
      prepare(registry, of as never, type, 1, options as never, clock);
    expect(ready(domain, "own")).toMatchObject({ deadlineMs: 3_600_000 });
    expect(ready(domain, "domains")).toMatchObject({ deadlineMs: 7_200_000 });
    expect(ready(apart, "mills")).toMatchObject({ deadlineMs: 10_800_000 });
    expect(ready(domain, "own", { deadline: "5m" })).toMatchObject({ deadlineMs: 300_000 });
    const moment = ready(domain, "own", { deadline: new Date(2_000_000) });
    expect(moment).toMatchObject({ deadlineAt: 2_000_000 });
    expect(moment).not.toHaveProperty("deadlineMs");
  });

  test("a strategy is sent in milliseconds; the call wins over the type, and a plain task has none", () => {
    for (const onDuplicate of ["supersede", "reject"] as const) expect(one("any", 1, { onDuplicate })).toMatchObject({ onDuplicate });
    expect(one("any", 1, { onDuplicate: { debounce: "5s", maxWait: "1m" } })).toMatchObject({
      onDuplicate: { debounceMs: 5_000, maxWaitMs: 60_000 },
    });
    expect(one("any", 1, { key: null, onDuplicate: "supersede" })).not.toHaveProperty("onDuplicate");
    const domain = defineDomain("d", { defaults: { onDuplicate: "reject" } })
      .task("own", { payload: z.unknown(), onDuplicate: { debounce: "2s" }, execute: () => undefined })
      .task("domains", { payload: z.unknown(), execute: () => undefined });
    const registry = buildRegistry({ domains: [domain] });
    const ready = (type: string, options?: object) => prepare(registry, domain, type, 1, options as never, clock);
    expect(ready("own")).toMatchObject({ onDuplicate: { debounceMs: 2_000 } });
    expect(ready("domains")).toMatchObject({ onDuplicate: "reject" });
    expect(ready("own", { onDuplicate: "skip" })).not.toHaveProperty("onDuplicate");
    expect(ready("own", { onDuplicate: "skip", delay: "1s" })).toMatchObject({ delayMs: 1_000 });
    expect(refusal(() => ready("own", { runAt: 0 }))).toMatchObject({ code: "invalid_request", facts: { issues: [{ path: "runAt" }] } });
    expect(() => buildRegistry({ domains: [defineDomain("d", { defaults: { onDuplicate: "replace" as never } })] })).toThrow(
      expect.objectContaining({ code: "invalid_request", message: expect.stringContaining("onDuplicate") }),
    );
  });

  test("moments are RFC 3339, Date or milliseconds; a retry policy may be JSON", () => {
    const at = clock.now() + 5_000;
    for (const runAt of [at, new Date(at), new Date(at).toISOString()]) expect(one("plain", 1, { runAt })).toMatchObject({ runAt: at });
    expect(one("plain", 1, { deadline: new Date(at).toISOString() })).toMatchObject({ deadlineAt: at });
    expect(one("plain", 1, { retry: { kind: "constant", attempts: 1, initial: "1s" } })).toMatchObject({
      retry: { kind: "constant", initialMs: 1_000, maxMs: 1_000 },
    });
  });

  test("only an asynchronous schema makes it asynchronous", async () => {
    expect(one("resize", { object: "cat" })).not.toBeInstanceOf(Promise);
    const late = one("slow", { n: 1 });
    expect(late).toBeInstanceOf(Promise);
    expect(await late).toMatchObject({ type: "slow", payload: '{"n":1}' });
    await expect(one("slow", { n: 0 })).rejects.toMatchObject({
      code: "invalid_payload",
      facts: { issues: [{ path: "", message: "must be positive" }] },
    });
  });

  test.each(["valibot", "arktype"])("[validation] %s validates", (name) => {
    expect(one(name, { n: 1 })).toMatchObject({ payload: '{"n":1}' });
    expect(refusal(() => one(name, { n: "x" }))).toMatchObject({ code: "invalid_payload", facts: { issues: [{ path: "n" }] } });
  });
});

describe("payloads", () => {
  const cycle: Record<string, unknown> = { name: "loop" };
  cycle["inner"] = [{ cycle }];
  let deep: unknown = 1;
  for (let level = 0; level < 2_000; level += 1) deep = [deep];
  test.each<[string, unknown, string, string]>([
    ["undefined", undefined, "", "undefined"],
    ["NaN", { a: [1, Number.NaN] }, "a.1", "NaN"],
    ["Infinity", { a: -Infinity }, "a", "-Infinity"],
    ["a BigInt", { a: 1n }, "a", "BigInt"],
    ["a function", { a: () => 1 }, "a", "function"],
    ["a symbol", { a: Symbol("x") }, "a", "symbol"],
    ["undefined in a list", [1, undefined], "1", "undefined"],
    ["a hole in a list", [1, , 2], "1", "undefined"],
    ["a Map", { a: new Map([[1, 2]]) }, "a", "Map"],
    ["an Error", { a: new Error("x") }, "a", "Error"],
    ["a buffer", { a: new Uint8Array(2) }, "a", "Uint8Array"],
    ["an invalid date", { a: new Date(Number.NaN) }, "a", "undefined"],
    ["a cycle", cycle, "inner.0.cycle", "cycle"],
    ["too much depth", deep, "", "1000 levels"],
    ["__proto__", JSON.parse('{"a":{"__proto__":{"x":1}}}'), "a.__proto__", "prototype"],
  ])("%s is refused, naming where", (_name, payload, path, word) => {
    const error = refusal(() => one("any", payload));
    expect(error.code).toBe("invalid_payload");
    const [issue] = error.facts["issues"] as [{ path: string; message: string }];
    expect(issue.message).toContain(word);
    if (path !== "" || word === "undefined") expect(issue.path).toBe(path);
  });

  test("undefined members vanish, dates and toJSON are written out, and the key is that of the JSON", () => {
    const given = {
      at: new Date(0),
      gone: undefined,
      own: { toJSON: () => ({ x: 1 }) },
      made: new (class Point {
        x = 1;
      })(),
    };
    const plain = { at: "1970-01-01T00:00:00.000Z", own: { x: 1 }, made: { x: 1 } };
    expect(one("any", given)).toEqual(one("any", plain));
  });

  test("#52 any JSON is stored as JSON.stringify writes it", () => {
    const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"));
    fc.assert(
      fc.property(json, (value) => {
        expect((one("any", value) as { payload: string }).payload).toBe(JSON.stringify(value));
      }),
    );
  });

  test("[limits] 1 MiB of UTF-8 is the limit, not of characters", () => {
    expect(one("any", "x".repeat(1_048_574))).toMatchObject({ type: "any" });
    expect(refusal(() => one("any", "x".repeat(1_048_575)))).toMatchObject({ code: "payload_too_large", facts: { bytes: 1_048_577 } });
    expect(refusal(() => one("any", "€".repeat(400_000))).code).toBe("payload_too_large");
  });

  test("[validation] issues carry paths, and what a definition's functions throw is told", () => {
    expect(refusal(() => one("resize", { object: 1, width: 1.5 })).facts["issues"]).toMatchObject([{ path: "object" }, { path: "width" }]);
    expect(refusal(() => one("broken", 1)).message).toContain("no key today");
  });
});

describe("refusals", () => {
  test("unknown types and options say what was meant", () => {
    expect(refusal(() => one("resise", {}))).toMatchObject({ code: "unknown_type", facts: { didYouMean: "resize" } });
    for (const name of ["__proto__", "constructor", 7, undefined]) expect(refusal(() => one(name, {})).code).toBe("unknown_type");
    expect(refusal(() => one("any", 1, { prioriti: 1 }))).toMatchObject({ code: "invalid_request", facts: { didYouMean: "priority" } });
    expect(refusal(() => one("any", 1, JSON.parse('{"__proto__":{}}'))).code).toBe("invalid_request");
    expect(refusal(() => one("any", 1, [] as never)).code).toBe("invalid_request");
  });

  test.each([["shard", "a"]])("[not built yet] %s %j belongs to a later issue", (name, value) => {
    const error = refusal(() => one("any", 1, { [name]: value }));
    expect(error.code).toBe("not_implemented");
    expect(error.message).toContain(name);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ key: "" }, "key"],
    [{ key: 7 }, "key"],
    [{ key: "a\0b" }, "key"],
    [{ key: "\ud800" }, "key"],
    [{ key: "k".repeat(1_025) }, "key"],
    [{ key: "é".repeat(513) }, "key"],
    [{ label: "é".repeat(129) }, "label"],
    [{ label: 7 }, "label"],
    [{ priority: 256 }, "priority"],
    [{ priority: "urgent" }, "priority"],
    [{ priority: Number.NaN }, "priority"],
    [{ delay: "1s", runAt: 0 }, "runAt"],
    [{ delay: "3651d" }, "delay"],
    [{ delay: -1 }, "delay"],
    [{ delay: null }, "delay"],
    [{ runAt: "tomorrow" }, "runAt"],
    [{ runAt: "2026-02-30T00:00:00Z" }, "runAt"],
    [{ runAt: "2026-02-03T00:00:00" }, "runAt"],
    [{ runAt: Number.NaN }, "runAt"],
    [{ runAt: 1e15 }, "runAt"],
    [{ ttl: 0 }, "ttl"],
    [{ ttlFrom: "now" }, "ttlFrom"],
    [{ timeout: "0s" }, "timeout"],
    [{ timeout: "1 hour" }, "timeout"],
    [{ deadline: 1_800_000_000_000 }, "deadline"],
    [{ deadline: "soon" }, "deadline"],
    [{ retry: { kind: "never" } }, "retry.kind"],
    [{ dependsOn: "media_1" }, "dependsOn"],
    [{ onDependencyFailure: "maybe" }, "onDependencyFailure"],
    [{ onDuplicate: "maybe" }, "onDuplicate"],
  ])("[limits] %j is refused as invalid_request", (options, path) => {
    expect(refusal(() => one("any", 1, options))).toMatchObject({ code: "invalid_request", facts: { issues: [{ path }] } });
  });

  test.each<[unknown]>([
    ["x"],
    [[]],
    [{ a: 1 }],
    [{ "": "x" }],
    [{ "a:b": "x" }],
    [{ _domain: "x" }],
    [{ a: "\0" }],
    [{ "\ud800": "x" }],
    [{ ["k".repeat(65)]: "x" }],
    [{ a: "x".repeat(257) }],
    [Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`t${index}`, "x"]))],
    [JSON.parse('{"__proto__":"x"}')],
  ])("[limits] tags %j are refused", (tags) => {
    expect(refusal(() => one("any", 1, { tags })).code).toBe("invalid_tag");
  });

  test("[limits] tags of type and call together count against the limit", () => {
    const tags = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`t${index}`, "x"]));
    expect(refusal(() => one("resize", { object: "cat" }, { tags })).code).toBe("invalid_tag");
    expect(one("any", 1, { tags })).toMatchObject({ tags });
  });

  test("[limits] a definition's label is cut, a call's is refused", () => {
    expect(one("labelled", "é".repeat(300))).toMatchObject({ label: "é".repeat(128) });
    expect(one("labelled", "a\0b\ud800")).toMatchObject({ label: "ab\ufffd" });
    expect(refusal(() => one("labelled", "x", { label: "é".repeat(300) })).code).toBe("invalid_request");
  });
});

describe("batches", () => {
  const batch = (tasks: unknown[], defaults?: Record<string, unknown>) => prepareAll(registry, media, tasks, defaults, clock);

  test("in order, with the batch's defaults under each task's own", () => {
    const items = batch(
      [
        { type: "plain", payload: 1 },
        { type: "plain", payload: 2, priority: 0 },
      ],
      { priority: 7, delay: "1s" },
    );
    expect(items).toMatchObject([
      { payload: "1", priority: 7, delayMs: 1_000 },
      { payload: "2", priority: 0 },
    ]);
  });

  test("a member that is undefined says nothing: the batch's default counts", () => {
    expect(batch([{ type: "plain", payload: 1, priority: undefined, delay: undefined }], { priority: 7, delay: "1s" })).toMatchObject([
      { priority: 7, delayMs: 1_000 },
    ]);
  });

  test("[batch] one bad task, and all bad ones are named", () => {
    const error = refusal(() =>
      batch([
        { type: "any", payload: 1 },
        { type: "resize", payload: { object: 1 } },
        { type: "any", payload: Number.NaN },
      ]),
    );
    expect(error).toMatchObject({ code: "invalid_payload", facts: { failed: [{ index: 1 }, { index: 2 }] } });
    expect(error.facts["issues"]).toMatchObject([{ path: "tasks.1.payload.object" }, { path: "tasks.2.payload" }]);
    expect(
      refusal(() =>
        batch([
          { type: "no", payload: 1 },
          { type: "any", payload: 1, shard: "a" },
        ]),
      ).code,
    ).toBe("invalid_request");
    expect(refusal(() => batch([{ type: "no", payload: 1 }]))).toMatchObject({ code: "unknown_type", facts: { failed: [{ index: 0 }] } });
    expect(refusal(() => batch([7, null])).code).toBe("invalid_request");
  });

  test("with asynchronous schemas too", async () => {
    await expect(
      batch([
        { type: "slow", payload: { n: 1 } },
        { type: "any", payload: 1 },
      ]),
    ).resolves.toHaveLength(2);
    await expect(
      batch([
        { type: "slow", payload: { n: 0 } },
        { type: "no", payload: 1 },
      ]),
    ).rejects.toMatchObject({ facts: { failed: [{ index: 0 }, { index: 1 }] } });
  });

  test("[limits] 10,000 tasks and 24 MiB at most", () => {
    expect(batch(Array.from({ length: 10_000 }, (_, payload) => ({ type: "plain", payload })))).toHaveLength(10_000);
    expect(refusal(() => batch(Array.from({ length: 10_001 }, (_, payload) => ({ type: "plain", payload })))).code).toBe(
      "payload_too_large",
    );
    const payload = "x".repeat(1_000_000);
    expect(refusal(() => batch(Array.from({ length: 26 }, () => ({ type: "plain", payload })))).code).toBe("payload_too_large");
  });
});

describe("schedules made ready", () => {
  const ready = (given: Record<string, unknown>) => prepareSchedule(registry, media, given, clock);

  test("their task has no key", () => {
    expect(
      ready({
        name: "nightly",
        type: "resize",
        payload: { object: "logo" },
        cron: "30 2 * * *",
        timezone: "Europe/Berlin",
        priority: "idle",
      }),
    ).toEqual({
      name: "nightly",
      cron: "30 2 * * *",
      timezone: "Europe/Berlin",
      item: {
        type: "resize",
        payload: '{"object":"logo"}',
        label: "Resize logo",
        tags: { "media.object": "logo", kind: "image" },
        priority: 255,
        ttlMs: 3_600_000,
      },
    });
    expect(ready({ type: "plain", payload: 1, every: "5m", initialDelay: 0 })).toMatchObject({ everyMs: 300_000, initialDelayMs: 0 });
  });

  test.each([
    [{ every: "5m", cron: "* * * * *" }],
    [{}],
    [{ every: "10ms" }],
    [{ every: "5m", timezone: "UTC" }],
    [{ cron: 7 }],
    [{ cron: "61 * * * *" }],
    [{ cron: "0 0 31 2 *" }],
    [{ cron: "* * * * *", timezone: "Europe/Berln" }],
    [{ cron: "* * * * *", initialDelay: 1 }],
    [{ every: "5m", name: "9" }],
    [{ every: "5m", evry: 1 }],
  ])("%j is refused", (given) => {
    expect(refusal(() => ready({ type: "plain", payload: 1, ...given })).code).toBe("invalid_request");
  });

  test("[schedules] depends on tasks by their ids, not by an index", () => {
    expect(ready({ type: "plain", payload: 1, every: "5m", dependsOn: ["media_1"], onDependencyFailure: "ignore" })).toMatchObject({
      item: { dependsOn: ["media_1"], onDependencyFailure: "ignore" },
    });
    expect(refusal(() => ready({ type: "plain", payload: 1, every: "5m", dependsOn: [{ index: 0 }] })).code).toBe("invalid_request");
    const many = Array.from({ length: 1_001 }, (_, n) => `media_${n + 1}`);
    expect(refusal(() => ready({ type: "plain", payload: 1, every: "5m", dependsOn: many })).code).toBe("invalid_request");
  });

  test("how it fires, and every option of a submit but key and parent", async () => {
    const firing = { overlap: "cancelOther", catchUp: "1d", jitter: "90s", maxRuns: 7 };
    const options = {
      delay: "1s",
      ttl: "1h",
      ttlFrom: "firstAttempt",
      deadline: "2h",
      timeout: "3s",
      priority: 5,
      label: "l",
      tags: { a: "b" },
      onDuplicate: "skip",
    };
    expect(await ready({ type: "plain", payload: 1, every: "5m", ...firing, ...options })).toMatchObject({
      everyMs: 300_000,
      overlap: "cancelOther",
      catchUpMs: 86_400_000,
      jitterMs: 90_000,
      maxRuns: 7,
      item: {
        delayMs: 1_000,
        ttlMs: 3_600_000,
        ttlFrom: "firstAttempt",
        deadlineMs: 7_200_000,
        timeoutMs: 3_000,
        priority: 5,
        label: "l",
        tags: { a: "b" },
      },
    });
    for (const bad of [
      { key: "k" },
      { parent: "media_1" },
      { overlap: "some" },
      { overlap: null },
      { catchUp: "367d" },
      { jitter: "25h" },
      { maxRuns: 0 },
      { maxRuns: 1.5 },
      { maxRuns: "3" },
      { maxRuns: 2e9 },
    ]) {
      expect(refusal(() => ready({ type: "plain", payload: 1, every: "5m", ...bad })).code, JSON.stringify(bad)).toBe("invalid_request");
    }
  });
});
