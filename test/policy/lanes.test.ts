import fc from "fast-check";
import { expect, test } from "vitest";
import { laneName, laneParts } from "../../src/policy/lane-name.ts";
import { Lanes, type Pick } from "../../src/policy/lanes.ts";

interface Entry {
  lane: string;
  priority: number;
  id: number;
}

/** The same in the most naive way: one list, sorted when asked. */
class Model {
  entries: Entry[] = [];
  reasons = new Map<string, Set<string>>();

  groups = new Map<string, Set<string>>();

  held = (lane: string): string[] => [...(this.reasons.get(lane) ?? [])];
  heldGroup = (group: string): string[] => [...(this.groups.get(group) ?? [])];
  isReady = ({ lane }: Entry): boolean => this.held(lane).length + this.heldGroup(groupOf(lane)).length === 0;
  at = (lane: string, priority: number, id: number): boolean =>
    this.entries.some((entry) => entry.lane === lane && entry.priority === priority && entry.id === id);
  ready = (): Entry[] =>
    this.entries.filter((entry) => this.isReady(entry)).sort((one, other) => one.priority - other.priority || one.id - other.id);
  drop(gone: (entry: Entry) => boolean): number {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => !gone(entry));
    return before - this.entries.length;
  }
}

const groupOf = (lane: string): string => laneParts(lane).group;

/** The first of them, up to the first of another group. */
function firstOfGroup(ready: Entry[], count: number, group = ready[0] && groupOf(ready[0].lane)): Entry[] {
  const other = ready.findIndex(({ lane }) => groupOf(lane) !== group);
  return ready.slice(0, Math.min(count, other < 0 ? ready.length : other));
}

const flat = (picks: Pick[]): Entry[] =>
  picks.flatMap(({ lane, priority, first, count }) => Array.from({ length: count }, (_, index) => ({ lane, priority, id: first + index })));

const LANES = [
  "",
  laneName("a", null, null),
  laneName("b", null, null),
  laneName("", "g", null),
  laneName("b", "g", null),
  laneName("", "h", null),
];
const lane = fc.constantFrom("", ...LANES);
const group = fc.constantFrom("", "g", "h");
const priority = fc.constantFrom(0, 64, 128, 128, 255);
const place = { lane, priority, first: fc.integer({ min: 1, max: 80 }), more: fc.oneof(fc.constant(0), fc.nat(12)) };
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("add" as const), ...place }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("append" as const), lane, priority, more: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), ...place }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      count: fc.nat(25),
      back: fc.boolean(),
      group: fc.option(group, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("holdGroup" as const, "releaseGroup" as const),
      group,
      reason: fc.constantFrom("paused", "slots"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("hold" as const, "release" as const), lane, reason: fc.constantFrom("paused", "rate") }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

/** An id waits in one place at a time: whoever adds it elsewhere takes it out first. */
function addBoth(lanes: Lanes, model: Model, target: string, level: number, first: number, last: number): void {
  for (const entry of model.entries.filter(
    ({ id, lane, priority }) => id >= first && id <= last && (lane !== target || priority !== level),
  )) {
    expect(lanes.remove(entry.lane, entry.priority, entry.id)).toBe(1);
    model.drop((other) => other === entry);
  }
  let added = 0;
  for (let id = first; id <= last; id += 1) {
    if (model.at(target, level, id)) continue;
    model.entries.push({ lane: target, priority: level, id });
    added += 1;
  }
  expect(lanes.add(target, level, first, last)).toBe(added);
}

function takeBoth(lanes: Lanes, model: Model, operation: Extract<Operation, { kind: "take" }>): void {
  const ready = model.ready();
  const { count, group } = operation;
  const picks = lanes.take(count, group === "" ? null : group);
  const taken = firstOfGroup(ready, count, group);
  expect(flat(picks)).toEqual(taken);
  if (operation.back) return lanes.putBack(picks);
  model.drop((entry) => taken.includes(entry));
}

function apply(lanes: Lanes, model: Model, operation: Operation): void {
  switch (operation.kind) {
    case "add":
      return addBoth(lanes, model, operation.lane, operation.priority, operation.first, operation.first + operation.more);
    case "append": {
      const next = Math.max(0, ...model.entries.map(({ id }) => id)) + 1;
      return addBoth(lanes, model, operation.lane, operation.priority, next, next + operation.more);
    }
    case "remove": {
      const { lane, priority, first, more } = operation;
      const removed = model.drop(
        (entry) => entry.lane === lane && entry.priority === priority && entry.id >= first && entry.id <= first + more,
      );
      expect(lanes.remove(lane, priority, first, first + more)).toBe(removed);
      return;
    }
    case "take":
      return takeBoth(lanes, model, operation);
    case "hold":
      lanes.hold(operation.lane, operation.reason);
      model.reasons.set(operation.lane, new Set([...model.held(operation.lane), operation.reason]));
      return;
    case "release":
      model.reasons.get(operation.lane)?.delete(operation.reason);
      expect(lanes.release(operation.lane, operation.reason)).toBe(model.held(operation.lane).length === 0);
      return;
    case "holdGroup":
      lanes.holdGroup(operation.group, operation.reason);
      model.groups.set(operation.group, new Set([...model.heldGroup(operation.group), operation.reason]));
      return;
    case "releaseGroup":
      model.groups.get(operation.group)?.delete(operation.reason);
      expect(lanes.releaseGroup(operation.group, operation.reason)).toBe(model.heldGroup(operation.group).length === 0);
  }
}

function compare(lanes: Lanes, model: Model): void {
  const ready = model.ready();
  expect(lanes.size).toBe(model.entries.length);
  expect(lanes.readySize).toBe(ready.length);
  expect(lanes.peek()).toEqual(ready[0] && { ...ready[0], group: groupOf(ready[0].lane) || null });
  expect(lanes.oldestId()).toBe(model.entries.length === 0 ? undefined : Math.min(...model.entries.map(({ id }) => id)));
  for (const name of LANES) {
    expect(lanes.sizeOf(name)).toBe(model.entries.filter((entry) => entry.lane === name).length);
    expect(lanes.held(name)).toEqual(model.held(name));
  }
  const levels = [...new Set(ready.map(({ lane, priority }) => `${priority} ${groupOf(lane)}`))].map((level) => {
    const ids = ready.filter(({ lane, priority }) => `${priority} ${groupOf(lane)}` === level);
    const [{ lane, priority, id }] = ids as [Entry];
    return { group: groupOf(lane) || null, priority, count: ids.length, oldest: id };
  });
  expect(lanes.sizeByGroupAndPriority()).toEqual(levels);
  expect(lanes.sizeHeldFor("paused")).toBe(
    model.entries.filter(({ lane }) => model.held(lane).includes("paused") || model.heldGroup(groupOf(lane)).includes("paused")).length,
  );
}

test("every operation does what a sorted list does", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80, size: "max" }), (operations) => {
      const lanes = new Lanes();
      const model = new Model();
      for (const one of operations) {
        apply(lanes, model, one);
        compare(lanes, model);
        const [some] = model.entries;
        if (some) expect(lanes.has(some.lane, some.priority, some.id)).toBe(true);
        expect(lanes.has("a", 0, 1)).toBe(model.at("a", 0, 1));
      }
      for (const name of LANES) for (const reason of model.held(name)) lanes.release(name, reason);
      for (const name of ["", "g", "h"]) for (const reason of model.heldGroup(name)) lanes.releaseGroup(name, reason);
      model.reasons.clear();
      model.groups.clear();
      for (let ready = model.ready(); ready.length > 0; ready = model.ready()) {
        const taken = firstOfGroup(ready, Infinity);
        expect(flat(lanes.take(Infinity))).toEqual(taken);
        model.drop((entry) => taken.includes(entry));
      }
      expect(lanes.size).toBe(0);
    }),
    { numRuns: 250 },
  );
});

test("[order] ready work comes by priority, then id, over lanes, in as few runs as possible", () => {
  const lanes = new Lanes();
  lanes.add("", 128, 1, 1_000_000);
  lanes.add("a", 128, 2_000_000);
  lanes.add("", 0, 3_000_000, 3_000_009);
  lanes.remove("", 128, 3);
  expect(lanes.take(20)).toEqual([
    { lane: "", priority: 0, first: 3_000_000, count: 10 },
    { lane: "", priority: 128, first: 1, count: 2 },
    { lane: "", priority: 128, first: 4, count: 8 },
  ]);
});

test("[order] a held lane hides nobody, takes in what comes, and comes back in order", () => {
  const lanes = new Lanes();
  lanes.add("capped", 0, 1, 500);
  lanes.add("", 255, 501);
  lanes.hold("capped", "cap");
  lanes.hold("capped", "paused");
  lanes.add("capped", 0, 502);
  expect(lanes.peek()).toEqual({ lane: "", group: null, priority: 255, id: 501 });
  expect(lanes.readySize).toBe(1);
  expect(lanes.oldestId()).toBe(1);
  expect(lanes.release("capped", "cap")).toBe(false);
  expect(lanes.held("capped")).toEqual(["paused"]);
  expect(lanes.release("capped", "paused")).toBe(true);
  expect(lanes.take(1_000)).toEqual([
    { lane: "capped", priority: 0, first: 1, count: 500 },
    { lane: "capped", priority: 0, first: 502, count: 1 },
    { lane: "", priority: 255, first: 501, count: 1 },
  ]);
});

test("a lane held while empty stays held", () => {
  const lanes = new Lanes();
  lanes.hold("a", "paused");
  lanes.add("a", 0, 1);
  expect(lanes.remove("a", 0, 1)).toBe(1);
  lanes.add("a", 0, 2);
  expect(lanes.peek()).toBeUndefined();
  expect(lanes.held("a")).toEqual(["paused"]);
});

test("what cannot be an id or a priority breaks an invariant and changes nothing", () => {
  const lanes = new Lanes();
  for (const [priority, first, last] of [
    [0, 0, 0],
    [0, 1.5, 2],
    [0, 5, 4],
    [0, 1, Infinity],
    [256, 1, 1],
    [-2, 1, 1],
    [0.5, 1, 1],
  ] as const) {
    expect(() => lanes.add("x", priority, first, last)).toThrow(/Invariant broken/);
  }
  expect(lanes.size).toBe(0);
});
