import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineDomain } from "../../src/domains/define.ts";
import { admit, ask, deny, until } from "../../src/policy/gate.ts";
import { SetAside } from "../../src/policy/set-aside.ts";
import { buildRegistry } from "../../src/registry.ts";

const NOW = 1_000_000;
const answered = (answer: unknown) => ask(() => answer, {}, NOW);

describe("[custom gate] what it answers", () => {
  test("admit, deny with a reason, until a time", () => {
    expect(answered(admit)).toBeNull();
    expect(answered(deny("closed"))).toEqual({ reason: "closed", isError: false });
    expect(answered(until(NOW + 0.5))).toEqual({ reason: "", at: NOW + 1, isError: false });
    expect(answered(until(new Date(NOW + 9), "night"))).toEqual({ reason: "night", at: NOW + 9, isError: false });
    // Past: in turn.
    expect(answered(until(NOW))).toEqual({ reason: "", isError: false });
    expect(answered(deny("é".repeat(300)))!.reason).toBe("é".repeat(128));
  });

  test("it is given the task and the time", () => {
    const seen: unknown[] = [];
    ask((task, now) => (seen.push(task, now), admit), { id: "a_1" }, NOW);
    expect(seen).toEqual([{ id: "a_1" }, new Date(NOW)]);
  });

  test.each([
    ["undefined", () => undefined, /must answer with admit, deny/],
    ["true", () => true, /must answer with admit, deny/],
    ["until nonsense", () => until("tomorrow" as never), /until takes a Date/],
    ["a promise", async () => admit, /promise: a gate runs inside the object/],
    ["a rejected promise", () => Promise.reject(new Error("no")), /promise/],
    ["an error", () => nothing.shop.isOpen, /^TypeError: .*isOpen/],
    ["something else that is thrown", () => thrown(7), /^7$/],
    ["something that cannot be shown", () => thrown(Object.create(null)), /cannot be shown/],
  ])("%s holds the task, and says so", (_name, gate, words) => {
    expect(ask(gate, {}, NOW)).toEqual({ reason: expect.stringMatching(words), isError: true });
  });

  test("createMill tells when it is no function", () => {
    expect(() => buildRegistry({ domains: [defineDomain("shop", { gate: true as never })] })).toThrow(/shop: gate must be a function/);
  });
});

const nothing = {} as { shop: { isOpen: boolean } };
function thrown(value: unknown): never {
  throw value;
}

describe("[custom gate] whose turn it is to be asked again", () => {
  test("those with a time at that time, the others 5 s after they were asked, the one that was asked longest ago first", () => {
    const aside = new SetAside();
    aside.put(1, deny("a") as never, 100);
    aside.put(2, { reason: "b", isError: false }, 50);
    aside.put(3, { reason: "c", at: 2_000, isError: false }, 60);
    expect([aside.take(1_999), aside.nextAt(1_999)]).toEqual([[], 2_000]);
    expect([aside.take(2_000), aside.nextAt(2_000)]).toEqual([[3], 5_100]);
    expect(aside.take(5_099)).toEqual([]);
    aside.put(3, { reason: "c", isError: false }, 5_000);
    expect(aside.take(5_100)).toEqual([1, 2]);
    expect([aside.size, aside.nextAt(5_100)]).toEqual([1, 10_000]);
    aside.delete(3);
    expect([aside.size, aside.nextAt(5_100), aside.get(3)]).toEqual([0, null, undefined]);
  });

  test("at most 1,000 every 5 s, whatever is due; and everybody has a turn", () => {
    const aside = new SetAside();
    const due = (id: number, now: number) => aside.put(id, { reason: "", isError: false, ...(id % 3 === 0 ? { at: now + 1 } : {}) }, now);
    for (let id = 1; id <= 2_500; id += 1) due(id, 0);
    const asked = new Set<number>();
    const turns: { at: number; count: number }[] = [];
    for (let now = 0; now <= 60_000; now = aside.nextAt(now) ?? Infinity) {
      const ids = aside.take(now);
      turns.push({ at: now, count: ids.length });
      for (const id of ids) {
        asked.add(id);
        due(id, now);
      }
    }
    for (const { at } of turns) {
      const within = turns.filter((other) => at <= other.at && other.at < at + 5_000);
      expect(within.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(1_000);
    }
    expect(asked.size).toBe(2_500);
  });

  test("whatever comes and goes, nobody is asked early, twice, or never", () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 12 }), ms: fc.nat(3_000), at: fc.option(fc.nat(9_000)), goes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const aside = new SetAside();
        const model = new Map<number, number>();
        let now = 0;
        const passes = (): void => {
          for (const id of aside.take(now)) {
            expect(model.get(id)).toBeLessThanOrEqual(now);
            model.delete(id);
          }
          expect(aside.nextAt(now)).toBe(model.size === 0 ? null : Math.min(...model.values()));
        };
        for (const { id, ms, at, goes } of steps) {
          now += ms;
          passes();
          if (goes) {
            aside.delete(id);
            model.delete(id);
            continue;
          }
          aside.put(id, { reason: "", isError: false, ...(at === null ? {} : { at: now + 1 + at }) }, now);
          model.set(id, at === null ? now + 5_000 : now + 1 + at);
        }
        now += 20_000;
        passes();
        expect(aside.size).toBe(0);
      }),
    );
  });
});
