import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import { readMode } from "../../src/domains/startup.ts";
import { type StartupRecord, Startups } from "../../src/durable/coordinator/startup.ts";
import type { DomainApi, SubmitRequest } from "../../src/durable/protocol.ts";
import { fail } from "../../src/policy/errors.ts";
import { buildRegistry } from "../../src/registry.ts";
import { Startup } from "../../src/worker/startup.ts";
import { FakeClock } from "./runner-fakes.ts";

const payload = z.object({ site: z.string() });

/** A mill whose coordinator is the real logic in memory, and whose domains write down what they are asked. */
class World {
  readonly clock = new FakeClock();
  readonly modes: string[] = [];
  readonly woken: string[] = [];
  readonly submits: SubmitRequest[] = [];
  readonly logs: string[] = [];
  record: StartupRecord | null = null;
  /** Throws so many times. */
  throws = 0;
  unreachable = new Set<string>();
  submitFails: Error | undefined;
  writes = 0;
  #coordinator!: Startups;
  readonly registry = buildRegistry({
    domains: [
      defineDomain("crawl")
        .task("visit", { payload, execute: () => null })
        .onStart((jobs, mode) => {
          this.modes.push(mode);
          jobs.submit("visit", { site: mode }, { key: "sentinel", priority: "idle" });
          if (this.throws > 0) {
            this.throws -= 1;
            throw new Error("not yet");
          }
        }),
      defineDomain("plain").task("t", { payload, execute: () => null }),
    ],
  });

  constructor() {
    this.restarted("life 1");
  }

  restarted(life: string): Startups {
    return (this.#coordinator = new Startups(
      {
        startup: () => this.record,
        setStartup: (record) => {
          this.writes += 1;
          this.record = structuredClone(record);
        },
      },
      life,
    ));
  }

  /** Another isolate of the Worker. */
  isolate(): Startup {
    const reach = (name: string) =>
      ({
        poke: async () => {
          if (this.unreachable.has(name)) throw new Error("away");
          this.woken.push(name);
          return { active: 0 };
        },
        submit: async (request: SubmitRequest) => {
          if (this.submitFails) throw this.submitFails;
          this.submits.push(request);
          return { outcomes: request.items.map(() => ({ outcome: "inserted", id: `${name}_1` })) };
        },
      }) as unknown as DomainApi;
    return new Startup(this.registry, {
      coordinator: () => ({
        startup: async (request) => this.#coordinator.claim(request, this.clock.now()),
        started: async (report) => this.#coordinator.report(report, this.clock.now()),
      }),
      reach,
      clock: this.clock,
      log: (message, { error }) => void this.logs.push(`${message} ${String(error)}`),
    });
  }
}

const env = (id: string, mode?: string) => ({ CF_VERSION_METADATA: { id }, ...(mode === undefined ? {} : { MILLRACE_MODE: mode }) });
let world: World;
beforeEach(() => {
  world = new World();
});

describe("[startup jobs] after a deploy", () => {
  test("every domain is woken, and onStart runs, once per version, whatever the number of isolates and requests", async () => {
    const one = world.isolate();
    await one.begin(env("v1", "production"));
    expect(one.begin(env("v1", "production"))).toBeUndefined();
    for (let n = 0; n < 3; n += 1) await world.isolate().begin(env("v1", "production"));
    expect(world.woken).toEqual(["crawl", "plain"]);
    expect(world.modes).toEqual(["production"]);
    expect(world.submits).toHaveLength(1);
    expect(world.submits[0]).toMatchObject({
      items: [{ type: "visit", payload: '{"site":"production"}', key: "sentinel", priority: 255 }],
      idempotency: { key: "worker:crawl:start:v1" },
    });
    expect(world.writes, "rows").toBe(1);
    await world.isolate().begin(env("v2", "local"));
    expect(world.woken).toEqual(["crawl", "plain", "crawl", "plain"]);
    expect(world.modes).toEqual(["production", "local"]);
  });

  test("a rollback wakes the domains, and runs no startup jobs again", async () => {
    for (const version of ["v1", "v2", "v1"]) await world.isolate().begin(env(version, "local"));
    expect(world.woken).toHaveLength(6);
    expect(world.modes).toHaveLength(2);
  });

  test("two isolates at once share the work; what one has taken on, the other leaves alone for a minute", async () => {
    await Promise.all([world.isolate().begin(env("v1", "local")), world.isolate().begin(env("v1", "local"))]);
    expect(world.woken).toEqual(["crawl", "plain"]);
    expect(world.modes).toHaveLength(1);
    const startups = world.restarted("life 2");
    expect(startups.claim({ version: "v9", wake: ["plain"], start: [] }, 0)).toEqual({
      version: "v9",
      wake: ["plain"],
      start: [],
      retryMs: null,
    });
    expect(startups.claim({ version: "v9", wake: ["plain"], start: [] }, 20_000)).toEqual({
      version: "v9",
      wake: [],
      start: [],
      retryMs: 40_000,
    });
    expect(startups.claim({ version: "v9", wake: ["plain"], start: [] }, 60_000).wake).toEqual(["plain"]);
  });

  test("a throw is logged and runs again, later and later; nothing of it was submitted", async () => {
    world.throws = 2;
    const isolate = world.isolate();
    await isolate.begin(env("v1", "local"));
    expect(world.logs).toEqual(["The startup jobs of a domain failed (onStart); they run again. Error: not yet"]);
    expect(world.submits).toEqual([]);
    expect(isolate.begin(env("v1", "local"))).toBeUndefined();
    await world.clock.advance(5_000);
    await isolate.begin(env("v1", "local"));
    expect(world.modes).toHaveLength(2);
    await world.clock.advance(5_000);
    // Twice as long this time.
    await isolate.begin(env("v1", "local"));
    expect(world.modes).toHaveLength(2);
    await world.clock.advance(5_000);
    await isolate.begin(env("v1", "local"));
    expect(world.modes).toHaveLength(3);
    expect(world.submits).toHaveLength(1);
    expect(world.woken, "the others were woken once").toEqual(["crawl", "plain"]);
  });

  test("a domain that cannot be woken is tried again, and keeps nobody else", async () => {
    world.unreachable.add("crawl");
    await world.isolate().begin(env("v1", "local"));
    expect(world.woken).toEqual(["plain"]);
    world.unreachable.clear();
    await world.clock.advance(6_000);
    await world.isolate().begin(env("v1", "local"));
    expect(world.woken).toEqual(["plain", "crawl"]);
  });

  test("a report that was lost: the same submit goes out again, or another is refused and counts as done", async () => {
    world.submitFails = fail("idempotency_conflict", "used");
    await world.isolate().begin(env("v1", "local"));
    expect(world.logs).toEqual([]);
    expect(world.record!.started).toEqual([{ version: "v1", domains: ["crawl"] }]);
  });

  test("without a version: once per start of the coordinator, seen by the next tick", async () => {
    const isolate = world.isolate();
    const local = { MILLRACE_MODE: "local" };
    await isolate.begin(local);
    await isolate.begin(local, true);
    expect(world.modes).toHaveLength(1);
    world.restarted("life 2");
    expect(isolate.begin(local)).toBeUndefined();
    await isolate.begin(local, true);
    expect(world.modes).toHaveLength(2);
  });

  test("modes: none or missing runs nothing, a wrong one neither, and says so once; domains are woken all the same", async () => {
    for (const [version, mode] of [
      ["v1", "none"],
      ["v2", undefined],
      ["v3", "prod"],
      ["v4", "locl"],
    ] as const)
      await world.isolate().begin(env(version, mode));
    expect(world.modes).toEqual([]);
    expect(world.woken).toHaveLength(8);
    expect(world.logs).toHaveLength(2);
    expect(world.logs[1]).toContain(
      'MILLRACE_MODE must be none, local, production; got "locl"; did you mean "local". No startup jobs run.',
    );
    expect(readMode({})).toBe("none");
    expect(readMode({ MILLRACE_MODE: "production" })).toBe("production");
    expect(() => readMode({ MILLRACE_MODE: 1 })).toThrow(/must be none/);
  });

  test("what is submitted after onStart has returned is refused, not lost in silence", async () => {
    let late: (() => void) | undefined;
    const registry = buildRegistry({
      domains: [
        defineDomain("d")
          .task("t", { payload, execute: () => null })
          .onStart((jobs) => {
            late = () => jobs.submit("t", { site: "x" });
          }),
      ],
    });
    Object.assign(world, { registry });
    await world.isolate().begin(env("v1", "local"));
    expect(late).toThrow(/after onStart had returned/);
    expect(world.submits).toEqual([]);
  });

  test("an unreachable coordinator is asked again later", async () => {
    const isolate = new Startup(world.registry, {
      coordinator: () => ({ startup: () => Promise.reject(new Error("away")), started: async () => undefined }),
      reach: () => ({}) as DomainApi,
      clock: world.clock,
      log: (message) => void world.logs.push(message),
    });
    await isolate.begin(env("v1"));
    expect(isolate.begin(env("v1"))).toBeUndefined();
    await world.clock.advance(5_001);
    await isolate.begin(env("v1"));
    expect(world.logs).toHaveLength(2);
  });
});
