import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, type Decision, type Debounced, parseOnDuplicate, type Standing, type Strategy } from "../../src/policy/duplicates.ts";

const NOW = 1_000_000;
const runsAt = (decision: Decision): Debounced | undefined => ("debounced" in decision ? decision.debounced : undefined);

const HOLDERS = {
  none: undefined,
  waiting: { priority: 128, hasBegun: false, isSuccessor: false },
  debounced: { priority: 128, hasBegun: false, isSuccessor: false, debouncedFrom: NOW - 50_000 },
  begun: { priority: 128, hasBegun: true, isSuccessor: false },
  successor: { priority: 128, hasBegun: false, isSuccessor: true },
} satisfies Record<string, Standing | undefined>;
const STRATEGIES = {
  skip: undefined,
  supersede: "supersede",
  reject: "reject",
  debounce: { debounceMs: 5_000, maxWaitMs: 60_000 },
} satisfies Record<string, Strategy | undefined>;

const quiet = { runAt: NOW + 5_000, from: NOW };
const TABLE: Record<keyof typeof STRATEGIES, Record<keyof typeof HOLDERS, Decision>> = {
  skip: {
    none: { do: "insert" },
    waiting: { do: "stand" },
    debounced: { do: "stand" },
    begun: { do: "follow" },
    successor: { do: "stand" },
  },
  supersede: {
    none: { do: "insert" },
    waiting: { do: "replace", archive: true },
    debounced: { do: "replace", archive: true },
    begun: { do: "oust" },
    successor: { do: "oust" },
  },
  reject: {
    none: { do: "insert" },
    waiting: { do: "reject" },
    debounced: { do: "reject" },
    begun: { do: "reject" },
    successor: { do: "reject" },
  },
  debounce: {
    none: { do: "insert", debounced: quiet },
    waiting: { do: "replace", archive: false, debounced: quiet },
    debounced: { do: "replace", archive: false, debounced: { runAt: NOW + 5_000, from: NOW - 50_000 } },
    begun: { do: "follow", debounced: quiet },
    successor: { do: "replace", archive: false, debounced: quiet },
  },
};

describe.each(Object.keys(TABLE) as (keyof typeof STRATEGIES)[])("%s", (strategy) => {
  test.each(Object.entries(TABLE[strategy]))("the key's task: %s", (holder, decision) => {
    expect(decide(STRATEGIES[strategy], HOLDERS[holder as keyof typeof HOLDERS], { priority: 128, now: NOW })).toEqual(decision);
  });
});

test("[skip] skip raises what has not begun, for a more urgent one alone", () => {
  for (const holder of ["waiting", "debounced", "successor"] as const) {
    expect(decide(undefined, HOLDERS[holder], { priority: 127, now: NOW })).toEqual({ do: "raise" });
    expect(decide(undefined, HOLDERS[holder], { priority: 129, now: NOW })).toEqual({ do: "stand" });
  }
  expect(decide(undefined, HOLDERS.begun, { priority: 0, now: NOW })).toEqual({ do: "follow" });
});

test("[debounce] #34 a burst of debounced submits runs no later than maxWait after its first, and never before its last window or that end", () => {
  const bursts = fc.record({
    debounceMs: fc.integer({ min: 1, max: 1e6 }),
    wait: fc.option(fc.nat(1e7), { nil: undefined }),
    gaps: fc.array(fc.nat(2e6), { minLength: 1, maxLength: 50 }),
  });
  fc.assert(
    fc.property(bursts, ({ debounceMs, wait, gaps }) => {
      const strategy: Strategy = wait === undefined ? { debounceMs } : { debounceMs, maxWaitMs: debounceMs + wait };
      const latest = wait === undefined ? Infinity : NOW + debounceMs + wait;
      let now = NOW;
      let debounced = runsAt(decide(strategy, undefined, { priority: 1, now }))!;
      for (const gap of gaps) {
        // It has run by then: the burst is over.
        if (now + gap >= debounced.runAt) break;
        now += gap;
        debounced = runsAt(decide(strategy, { ...HOLDERS.waiting, debouncedFrom: debounced.from }, { priority: 1, now }))!;
        expect(debounced.from).toBe(NOW);
        expect(debounced.runAt).toBe(Math.min(now + debounceMs, latest));
        expect(debounced.runAt).toBeGreaterThan(now);
      }
    }),
  );
});

test("whatever holds the key, a refusal changes nothing and a key has one holder", () => {
  const standing = fc.record({ priority: fc.nat(255), hasBegun: fc.boolean(), isSuccessor: fc.boolean() });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(STRATEGIES)),
      fc.option(standing, { nil: undefined }),
      fc.nat(255),
      (strategy, holder, priority) => {
        const decision = decide(strategy, holder, { priority, now: NOW });
        expect(decision.do === "insert").toBe(holder === undefined);
        expect(decision.do === "reject").toBe(strategy === "reject" && holder !== undefined);
        // Only what has not begun keeps its id; only what has begun is followed.
        if (["stand", "raise", "replace"].includes(decision.do)) expect(holder!.hasBegun).toBe(false);
        if (decision.do === "follow") expect(holder!.hasBegun).toBe(true);
      },
    ),
  );
});

test("strategies are read from TypeScript and JSON alike", () => {
  expect(parseOnDuplicate("skip")).toBeUndefined();
  expect(parseOnDuplicate("supersede")).toBe("supersede");
  expect(parseOnDuplicate("reject")).toBe("reject");
  expect(parseOnDuplicate({ debounce: "5s" })).toEqual({ debounceMs: 5_000 });
  expect(parseOnDuplicate({ debounce: 250, maxWait: "1m" })).toEqual({ debounceMs: 250, maxWaitMs: 60_000 });
});

test.each<[unknown, string]>([
  ["replace", "onDuplicate"],
  [null, "onDuplicate"],
  [7, "onDuplicate"],
  [[], "onDuplicate"],
  [{}, "onDuplicate"],
  [{ maxWait: "5s" }, "onDuplicate"],
  [{ debounce: "5s", max: 1 }, "onDuplicate"],
  [{ debounce: "soon" }, "onDuplicate.debounce"],
  [{ debounce: 0 }, "onDuplicate.debounce"],
  [{ debounce: "3651d" }, "onDuplicate.debounce"],
  [{ debounce: undefined }, "onDuplicate.debounce"],
  [{ debounce: "5s", maxWait: "4s" }, "onDuplicate.maxWait"],
  [{ debounce: "5s", maxWait: -1 }, "onDuplicate.maxWait"],
])("%j is refused", (given, path) => {
  expect(() => parseOnDuplicate(given)).toThrow(
    expect.objectContaining({ code: "invalid_request", facts: { issues: [expect.objectContaining({ path })] } }),
  );
});
