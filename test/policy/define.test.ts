import { describe, expect, test } from "vitest";
import { z } from "zod";
import { compatibilityProblems } from "../../src/compatibility.ts";
import { defineDomain } from "../../src/domains/define.ts";
import { ref } from "../../src/domains/ref.ts";
import { MillraceError } from "../../src/policy/errors.ts";
import { exponential } from "../../src/policy/retry.ts";
import { buildRegistry, type RegistryOptions } from "../../src/registry.ts";

const execute = () => null;
const payload = z.object({ n: z.number() });
const good = defineDomain("good", { maxConcurrency: 2, history: { keep: 5, maxAge: "1d" } }).task("work", { payload, execute });

function problems(options: unknown): string[] {
  try {
    buildRegistry(options as RegistryOptions);
  } catch (error) {
    if (MillraceError.is(error)) return error.facts["problems"] as string[];
    throw error;
  }
  return [];
}
/** What is told of one domain with one type of these options. */
const ofType = (options: object) => problems({ domains: [defineDomain("d").task("t", { payload, execute, ...options } as never)] });
const ofDomain = (options: object) => problems({ domains: [defineDomain("d", options as never).task("t", { payload, execute })] });

describe("a definition", () => {
  test("is what the engine takes, with every default in place", () => {
    const domain = defineDomain("media", { defaults: { priority: "high" } }).task("resize", {
      payload,
      ttl: "1h",
      tags: { kind: "image" },
      execute,
    });
    expect(domain).toMatchObject({
      name: "media",
      state: undefined,
      maxConcurrency: undefined,
      defaults: { priority: "high" },
      history: {},
      schedules: [],
    });
    const type = domain.types.get("resize")!;
    expect(type).toMatchObject({
      name: "resize",
      result: undefined,
      key: undefined,
      defaults: { ttl: "1h" },
      submittable: true,
      redact: [],
      keep: true,
    });
    expect((type.tags as () => unknown)()).toEqual({ kind: "image" });
  });

  test("is a value: a method answers with a new one and leaves the old one alone", () => {
    const one = defineDomain("one");
    const two = one.task("a", { payload, execute });
    two.task("b", { payload, execute });
    expect([one.types.size, two.types.size]).toEqual([0, 1]);
  });

  test("defineDomain<App>() begins one for an app of its own", () => {
    const domain = defineDomain<{ db: string }>()("own", { maxConcurrency: 1 }).task("t", {
      payload,
      execute: (_payload, ctx) => ctx.app.db,
    });
    expect(buildRegistry({ domains: [domain] }).domains.get("own")).toBe(domain);
  });

  test("a registry holds what was given, and the built-in cap", () => {
    expect(buildRegistry({ domains: [good] })).toEqual({
      domains: new Map([["good", good]]),
      app: undefined,
      maxConcurrency: 16,
      defaults: {},
      groups: new Map(),
      defaultGroupMaxConcurrency: null,
    });
  });
});

describe("createMill's one error", () => {
  test("[names] lists everything at once, readably", () => {
    const bad = defineDomain("Bad", { maxConcurrency: 0, defaults: { priority: 300 } } as never)
      .task("9", { payload: {}, execute: 1, timeout: "soon" } as never)
      .task("9" as never, { payload, execute } as never);
    const options = { domains: [bad, good, good, {}, ref("other" as never)], maxConcurrency: 1.5, domans: [] };
    expect(problems(options).map((problem) => problem.replace(/;.*/, ""))).toEqual([
      'createMill: there is no option "domans"',
      "createMill: maxConcurrency must be an integer from 1 to 10000",
      'createMill: there are two domains "good"',
      "createMill: domains[3] is not a definition made by defineDomain.",
      "createMill: domains[4] is not a definition made by defineDomain (a ref is not enough here: import the definition).",
      '"Bad" cannot name a domain',
      'Bad: there are two types "9"',
      "Bad: maxConcurrency must be an integer from 1 to 10000",
      "Bad: priority must be one of realtime, high, normal, background, idle, or an integer from 0 to 255",
      'Bad: "9" cannot name a task type',
    ]);
    expect(() => buildRegistry(options as never)).toThrow(/^createMill found 10 problems:\n {2}- /);
  });

  test.each<[string, object, RegExp]>([
    ["a typo", { paylod: 1 }, /no option "paylod"; did you mean "payload"\?/],
    ["no schema", { payload: { type: "object" } }, /payload must be a Standard Schema/],
    ["no execute", { execute: undefined }, /execute must be a function/],
    ["a key that is none", { key: "x" }, /key must be a function/],
    ["a priority", { priority: "urgent" }, /priority must be one of/],
    ["a timeout", { timeout: 0 }, /timeout must be more than 0/],
    ["a ttl", { ttl: "1 hour" }, /ttl must be a duration/],
    ["a ttlFrom", { ttlFrom: "now" }, /ttlFrom must be/],
    ["a retry", { retry: 3 }, /retry must be made by/],
    ["a retry by hand", { retry: { ...exponential(1, 1, 2), attempts: -1 } }, /retry.attempts/],
    ["a rate", { rate: 5 }, /rate must be \{ permits, per, burst\? \}/],
    ["a rate of nothing", { rate: { permits: 0, per: "1s" } }, /rate.permits must be a whole number/],
    ["redact", { redact: "n" }, /redact must be a list/],
    ["keep", { keep: "no" }, /keep must be true or false/],
  ])("of a type: %s", (_name, options, message) => {
    expect(ofType(options)).toEqual([expect.stringMatching(message)]);
  });

  test("[rate limits] of a domain's rates: each of a type that it has", () => {
    const rates = (given: unknown) =>
      problems({ domains: [defineDomain("d", { rates: given as never }).task("mail", { payload, execute })] });
    expect(rates({ mail: { permits: 1, per: "1s", burst: 5 } })).toEqual([]);
    expect(rates({ mial: { permits: 1, per: "1s" } })).toEqual([expect.stringMatching(/no type of it; did you mean "mail"\?/)]);
    expect(rates({ mail: { permits: 1, per: "soon" } })).toEqual([expect.stringMatching(/^d: rates\["mail"\]: rate.per/)]);
    expect(rates(5)).toEqual([expect.stringMatching(/^d: rates must be an object/)]);
  });

  test.each(["aging"])("[not built yet] %s is not_implemented, by name", (name) => {
    expect(ofType({ [name]: true })).toEqual([`d::t: the option "${name}" is not_implemented yet; leave it out.`]);
    expect(() => buildRegistry({ domains: [defineDomain("d").task("t", { payload, execute, [name]: true } as never)] })).toThrow(
      expect.objectContaining({ code: "not_implemented" }),
    );
  });

  test("[singleton] of singletons and startup jobs", () => {
    const singleton = (options: unknown) => problems({ domains: [good.singleton("gc", options as never)] });
    expect(singleton({ execute: () => 1, every: "1h" })).toEqual([]);
    expect(singleton("often")).toEqual(["good::gc: the options of a singleton must be an object with execute."]);
    expect(singleton({ every: "1h" })).toEqual([expect.stringMatching(/^good::gc: execute must be a function/)]);
    expect(singleton({ execute, every: "hourly" })).toEqual([expect.stringMatching(/^good::gc: every must be a duration/)]);
    expect(singleton({ execute, every: "4000d" })).toEqual(["good::gc: every must be at most 10 years."]);
    expect(singleton({ execute, label: 1, payload: 1 })).toEqual([
      expect.stringMatching(/^good::gc: there is no option "payload"/),
      "good::gc: label must be text without NUL or half surrogate pairs.",
    ]);
    expect(singleton({ execute, tags: { _domain: "x" } })).toHaveLength(1);
    expect(singleton({ execute, retry: 3, timeout: 0, onCancel: 1 })).toHaveLength(3);
    expect(problems({ domains: [good.singleton("work" as never, { execute })] })).toEqual([
      'good: there are two types "work"; rename one.',
    ]);
    expect(problems({ domains: [good.onStart("now" as never)] })).toEqual(["good: onStart takes a function of jobs and mode."]);
    expect(problems({ domains: [good.onStart(execute).onStart(execute)] })).toEqual(["good: there are two onStart; make one of them."]);
  });

  test("[aging] groups and aging too", () => {
    expect(problems({ domains: [good], groups: {}, defaultGroupMaxConcurrency: undefined })).toEqual([]);
    expect(problems({ domains: [good], aging: {} })).toEqual([]);
    expect(problems({ domains: [good], aging: { interval: 0, ceiling: "top" } })).toEqual([
      expect.stringContaining("aging.ceiling"),
      expect.stringContaining("aging.interval must be at least 1 ms"),
    ]);
  });

  test("of a domain", () => {
    expect(ofDomain({ state: 1 })).toEqual(["d: state must be a function of env."]);
    expect(ofDomain({ history: { keep: -1, maxAge: 0, age: 1 } })).toHaveLength(3);
    expect(ofDomain({ history: { perStatus: { completed: { keep: 5 } }, perType: {} } })).toEqual([]);
    expect(
      ofDomain({ history: { perStatus: { running: { keep: 5 }, failed: { keep: 0.5 } }, perType: { gone: { maxAge: "soon" } } } }),
    ).toEqual([
      expect.stringContaining('there is no ended status "running"'),
      expect.stringContaining("history.perStatus.failed.keep must be an integer"),
      expect.stringContaining('there is no type "gone"'),
      expect.stringContaining("history.perType.gone.maxAge"),
    ]);
    expect(ofDomain({ history: { perStatus: 5 as never, perType: { gone: 5 as never } } })).toHaveLength(3);
    expect(ofDomain({ defaults: { tags: { a: 1 }, timeuot: 1 } })).toEqual([
      expect.stringContaining('did you mean "timeout"'),
      expect.stringContaining("must have a text"),
    ]);
    expect(problems({ domains: [] })).toHaveLength(1);
    expect(problems(undefined)).toHaveLength(1);
  });

  test("of a schedule, payload included", () => {
    const scheduled = (options: object) =>
      problems({ domains: [good.schedule("nightly", { type: "work", payload: { n: 1 }, every: "1h", ...options } as never)] });
    expect(scheduled({})).toEqual([]);
    expect(scheduled({ type: "wrok" })).toEqual([expect.stringContaining('did you mean "work"')]);
    expect(scheduled({ payload: { n: "x" } })).toEqual([expect.stringContaining("payload of good::work is not valid")]);
    expect(scheduled({ cron: "* * * * *" })).toHaveLength(1);
    expect(scheduled({ overlap: "queue", catchUp: "1h", jitter: "1m", maxRuns: 9, delay: "1m", deadline: "1h" })).toEqual([]);
    expect(scheduled({ overlap: "quue" })).toEqual([expect.stringContaining("skip, queue, cancelOther, allow")]);
    expect(scheduled({ shard: "g" })).toEqual([expect.stringContaining('"shard" is not_implemented')]);
    expect(scheduled({ group: " g" })).toEqual([expect.stringContaining("group must be text of 1 to 128 bytes")]);
    expect(scheduled({ group: "g" })).toEqual([]);
    expect(
      problems({
        domains: [
          good
            .schedule("a", { type: "work", payload: { n: 1 }, every: "1h" })
            .schedule("a", { type: "work", payload: { n: 1 }, every: "1h" }),
        ],
      }),
    ).toHaveLength(1);
  });

  test("of a cron trigger", () => {
    expect(problems({ domains: [good], crons: { "* * * *": () => 1, "*/5 * * * *": 1 } })).toHaveLength(2);
  });

  test("of the compatibility date, where the platform tells", () => {
    const scope = (value: boolean | undefined) => ({
      Cloudflare: { compatibilityFlags: { durable_object_io_tasks_prevent_eviction: value } },
    });
    expect(compatibilityProblems(scope(false))).toEqual([expect.stringContaining("2026-10-01")]);
    expect([compatibilityProblems(scope(true)), compatibilityProblems(scope(undefined)), compatibilityProblems({})]).toEqual([[], [], []]);
  });
});
