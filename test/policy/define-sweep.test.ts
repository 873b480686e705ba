import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import type { DomainHandle } from "../../src/domains/handle.ts";
import type { DomainApi, SubmitRequest } from "../../src/durable/protocol.ts";
import { buildRegistry } from "../../src/registry.ts";
import { runCron } from "../../src/worker/cron.ts";
import { sweep } from "../../src/worker/sweep.ts";

const domainOf = (name: string) => defineDomain(name).task("t", { payload: z.unknown(), execute: () => null });
const ingest = domainOf("ingest");

describe("the sweeper", () => {
  const registry = buildRegistry({ domains: [ingest, domainOf("media"), domainOf("notify")] });

  /** One sweep: whom it poked, in order, and what it logged. */
  async function swept(list: string[] | Error, poked: Set<string>, broken: string[] = [], over = registry) {
    const called: string[] = [];
    const logged: unknown[] = [];
    const result = await sweep(over, {
      coordinator: {
        sweepList: async () => {
          if (list instanceof Error) throw list;
          return list;
        },
      },
      reach: (name) => ({
        poke: async () => {
          called.push(name);
          if (broken.includes(name)) throw new Error(`${name} is down`);
          return { active: 0 };
        },
      }),
      poked,
      log: (_message, fields) => logged.push(fields),
    });
    return { called, logged, result };
  }

  test("pokes whom the coordinator names, and each domain of the registry once in an isolate", async () => {
    const poked = new Set<string>();
    expect((await swept(["removed", "media"], poked)).called).toEqual(["removed", "media", "ingest", "notify"]);
    expect((await swept(["media"], poked)).called).toEqual(["media"]);
    expect((await swept([], poked)).called).toEqual([]);
  });

  test("one that fails keeps nobody else, is logged, and comes again", async () => {
    const poked = new Set<string>();
    const first = await swept(["media"], poked, ["media"]);
    expect(first.result).toEqual({ poked: ["ingest", "notify"], failed: ["media"] });
    expect(first.logged).toEqual([{ domain: "media", error: "Error: media is down" }]);
    expect((await swept([], poked)).called).toEqual(["media"]);
  });

  test("without the coordinator it goes on with the registry's own", async () => {
    const { called, logged } = await swept(new Error("no answer"), new Set());
    expect(called).toEqual(["ingest", "media", "notify"]);
    expect(logged).toHaveLength(1);
  });

  test("at most 50, of which some are always new ones", async () => {
    const many = buildRegistry({ domains: Array.from({ length: 60 }, (_, index) => domainOf(`d${index}`)) });
    const named = Array.from({ length: 80 }, (_, index) => `old${index}`);
    const poked = new Set<string>();
    const { called } = await swept(named, poked, [], many);
    expect(called).toHaveLength(50);
    expect(called.filter((name) => name.startsWith("d"))).toHaveLength(10);
    for (let sweeps = 1; sweeps < 6; sweeps += 1) await swept(named, poked, [], many);
    expect([...many.domains.keys()].every((name) => poked.has(name))).toBe(true);
  });
});

describe("a cron tick", () => {
  const registry = buildRegistry({ domains: [ingest] });

  async function ticked(
    cron: string,
    action: (handle: DomainHandle<"ingest", never>, scheduledTime: number) => unknown,
    scheduledTime = 60_000,
  ) {
    const requests: SubmitRequest[] = [];
    const api = {
      submit: async (request: SubmitRequest) => (
        requests.push(request),
        { outcomes: request.items.map(() => ({ outcome: "inserted", id: "ingest_1" })) }
      ),
    };
    const crons = {
      "*/5 * * * *": (mill: { scheduledTime: number; domain(definition: { name: string }): DomainHandle<"ingest", never> }) =>
        action(mill.domain(ingest), mill.scheduledTime),
    };
    await runCron(registry, crons as never, { cron, scheduledTime }, () => api as unknown as DomainApi);
    return requests.map(({ idempotency }) => idempotency);
  }
  const twice = async (handle: DomainHandle<"ingest", never>) => {
    await handle.submit("t" as never, 1 as never);
    await handle.submitAll([{ type: "t", payload: 2 }] as never);
  };

  test("[cron triggers] gives every submit a key of its own, the same when the platform repeats the tick", async () => {
    const first = await ticked("*/5 * * * *", twice);
    expect(first.map((idempotency) => idempotency?.key)).toEqual([
      "worker:ingest:cron:*/5 * * * *:60000:1",
      "worker:ingest:cron:*/5 * * * *:60000:2",
    ]);
    expect(await ticked("*/5 * * * *", twice)).toEqual(first);
    expect((await ticked("*/5 * * * *", twice, 120_000))[0]).not.toEqual(first[0]);
  });

  test("[cron triggers] an own key wins; other crons and inherited names run nothing; a throw comes out", async () => {
    expect(await ticked("*/5 * * * *", (handle) => handle.submit("t" as never, 1 as never, { idempotencyKey: "own" }))).toMatchObject([
      { key: "worker:ingest:own" },
    ]);
    for (const cron of ["* * * * *", "constructor"]) expect(await ticked(cron, twice)).toEqual([]);
    await expect(ticked("*/5 * * * *", () => Promise.reject(new Error("tick failed")))).rejects.toThrow("tick failed");
  });
});
