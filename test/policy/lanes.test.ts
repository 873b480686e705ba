import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AgingPolicy, effectivePriority, nextChange } from "../../src/policy/aging.ts";
import { laneName, laneParts } from "../../src/policy/lane-name.ts";
import { Lanes, type Pick } from "../../src/policy/lanes.ts";

interface Entry {
  lane: string;
  priority: number;
  id: number;
}

/** Submitted one every 10 ms. */
const bornAt = (id: number): number => id * 10;

/** The same in the most naive way: one list, looked through for every single task. */
class Model {
  entries: Entry[] = [];
  kinds = new Map<string, Set<string>>();
  groups = new Map<string, Set<string>>();
  floor = 256;
  policy: AgingPolicy | undefined;
  now = 0;
  /** When each fair key of a rank was served last, or came. */
  turns = new Map<string, number>();
  plainTurns = new Map<number, number>();
  private turn = 0;

  rank = ({ priority, id }: Entry): number => (this.policy ? effectivePriority(priority, this.now - bornAt(id), this.policy) : priority);
  reasons = ({ lane }: Entry): string[] => [
    ...(this.kinds.get(laneParts(lane).kind) ?? []),
    ...(this.groups.get(laneParts(lane).group) ?? []),
  ];
  /** Of each lane and level the oldest leads: no floor holds more than that. */
  headOf = (entry: Entry): Entry => this.heads().find(({ lane, priority }) => lane === entry.lane && priority === entry.priority)!;
  isReady = (entry: Entry): boolean => this.reasons(entry).length === 0 && this.rank(this.headOf(entry)) < this.floor;
  ready = (): Entry[] => this.entries.filter((entry) => this.isReady(entry)).sort(this.inOrder);
  inOrder = (one: Entry, other: Entry): number => this.rank(one) - this.rank(other) || one.id - other.id;
  turnOf = (entry: Entry): string => `${laneParts(entry.lane).fair} ${this.rank(entry)}`;

  drop(gone: (entry: Entry) => boolean): number {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => !gone(entry));
    return before - this.entries.length;
  }

  /** Keys that came, or went. Of each lane and level only the oldest stands in a rank. */
  settle(): void {
    const here = new Set<string>();
    for (const entry of this.heads()) if (laneParts(entry.lane).fair !== null) here.add(this.turnOf(entry));
    for (const key of this.turns.keys()) if (!here.has(key)) this.turns.delete(key);
    for (const key of here) if (!this.turns.has(key)) this.turns.set(key, (this.turn += 1));
  }

  heads(): Entry[] {
    const heads = new Map<string, Entry>();
    for (const entry of this.entries) {
      const key = `${entry.lane} ${entry.priority}`;
      if ((heads.get(key)?.id ?? Infinity) > entry.id) heads.set(key, entry);
    }
    return [...heads.values()];
  }

  next(): Entry | undefined {
    const heads = this.heads()
      .filter((entry) => this.isReady(entry))
      .sort(this.inOrder);
    const [first] = heads;
    if (!first) return undefined;
    const rivals = heads.filter((entry) => this.rank(entry) === this.rank(first));
    const keyed = rivals.filter((entry) => laneParts(entry.lane).fair !== null);
    const turn = (entry: Entry) => this.turns.get(this.turnOf(entry))!;
    const [fair] = keyed.sort((one, other) => turn(one) - turn(other) || one.id - other.id);
    const plain = rivals.find((entry) => laneParts(entry.lane).fair === null);
    if (!plain || !fair) return plain ?? fair;
    const plainTurn = this.plainTurns.get(this.rank(plain));
    return (plainTurn === undefined ? plain.id < fair.id : plainTurn < turn(fair)) ? plain : fair;
  }

  take(count: number, group?: string): Entry[] {
    const taken: Entry[] = [];
    let only = group;
    for (let next = this.next(); next && taken.length < count; next = this.next()) {
      const { lane } = next;
      if (laneParts(lane).group !== (only ??= laneParts(lane).group)) break;
      const key = this.turnOf(next);
      const rank = this.rank(next);
      const takesTurns = this.entries.some(
        (entry) => this.isReady(entry) && this.heads().includes(entry) && laneParts(entry.lane).fair !== null && this.rank(entry) === rank,
      );
      taken.push(next);
      this.drop((entry) => entry === next);
      if (laneParts(lane).fair !== null) this.turns.set(key, (this.turn += 1));
      else if (takesTurns) this.plainTurns.set(rank, (this.turn += 1));
      this.settle();
    }
    return taken;
  }
}

const flat = (picks: Pick[]): Entry[] =>
  picks.flatMap(({ lane, priority, first, count }) => Array.from({ length: count }, (_, index) => ({ lane, priority, id: first + index })));

const KINDS = ["", "type:a", "type:b"];
const GROUPS = ["", "g", "h"];
const PLAIN = KINDS.flatMap((kind) => GROUPS.map((group) => laneName(kind, group || null, null)));
const FAIR = ["x", "y", ""].flatMap((key) => [laneName("", null, key), laneName("", "g", key), laneName("type:a", null, key)]);

const operationOn = (names: string[], ages: boolean) => {
  const lane = fc.constantFrom(...names);
  const priority = fc.constantFrom(0, 64, 128, 128, 255);
  const group = fc.constantFrom(...GROUPS);
  const place = { lane, priority, first: fc.integer({ min: 1, max: 80 }), more: fc.oneof(fc.constant(0), fc.nat(12)) };
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("add" as const), ...place }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("append" as const), lane, priority, more: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), ...place }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("take" as const), count: fc.nat(25), group: fc.option(group, { nil: undefined }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("holdKind" as const, "releaseKind" as const),
        name: fc.constantFrom(...KINDS),
        reason: fc.constantFrom("rate", "io"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("holdGroup" as const, "releaseGroup" as const),
        name: group,
        reason: fc.constantFrom("paused", "slots"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("floor" as const), floor: fc.constantFrom(128, 192, 256) }) },
    { weight: ages ? 3 : 1, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: ages ? fc.nat(400) : fc.constant(0) }) },
  );
};
type Operation = ReturnType<typeof operationOn> extends fc.Arbitrary<infer Value> ? Value : never;

/** An id waits in one place at a time: whoever adds it elsewhere takes it out first. */
function addBoth(lanes: Lanes, model: Model, target: string, level: number, first: number, last: number): void {
  const at = (id: number) => model.entries.find((entry) => entry.id === id);
  let added = 0;
  for (let id = first; id <= last; id += 1) {
    const entry = at(id);
    if (entry && (entry.lane !== target || entry.priority !== level)) {
      expect(lanes.remove(entry.lane, entry.priority, id)).toBe(1);
      model.drop((other) => other === entry);
      model.settle();
    }
  }
  for (let id = first; id <= last; id += 1) {
    if (at(id)) continue;
    model.entries.push({ lane: target, priority: level, id });
    added += 1;
  }
  expect(lanes.add(target, level, first, last)).toBe(added);
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
      const isGone = (entry: Entry) => entry.lane === lane && entry.priority === priority && entry.id >= first && entry.id <= first + more;
      expect(lanes.remove(lane, priority, first, first + more)).toBe(model.drop(isGone));
      return;
    }
    case "take": {
      const { count, group } = operation;
      expect(flat(lanes.take(count, group === "" ? null : group))).toEqual(model.take(count, group));
      return;
    }
    case "holdKind":
      lanes.holdKind(operation.name, operation.reason);
      model.kinds.set(operation.name, new Set([...(model.kinds.get(operation.name) ?? []), operation.reason]));
      return;
    case "releaseKind":
      lanes.releaseKind(operation.name, operation.reason);
      model.kinds.get(operation.name)?.delete(operation.reason);
      return;
    case "holdGroup":
      lanes.holdGroup(operation.name, operation.reason);
      model.groups.set(operation.name, new Set([...(model.groups.get(operation.name) ?? []), operation.reason]));
      return;
    case "releaseGroup":
      model.groups.get(operation.name)?.delete(operation.reason);
      expect(lanes.releaseGroup(operation.name, operation.reason)).toBe((model.groups.get(operation.name)?.size ?? 0) === 0);
      return;
    case "floor":
      lanes.setFloor(operation.floor);
      model.floor = operation.floor;
      return;
    case "pass":
      model.now += operation.ms;
      lanes.advance(model.now);
  }
}

function compare(lanes: Lanes, model: Model): void {
  const { entries } = model;
  const ready = model.ready();
  expect(lanes.size).toBe(entries.length);
  expect(lanes.readySize).toBe(ready.length);
  const next = model.next();
  expect(lanes.peek()).toEqual(
    next && { lane: next.lane, group: laneParts(next.lane).group || null, priority: model.rank(next), id: next.id },
  );
  expect(lanes.oldestId()).toBe(entries.length === 0 ? undefined : Math.min(...entries.map(({ id }) => id)));
  for (const name of KINDS) expect(lanes.heldKind(name)).toEqual([...(model.kinds.get(name) ?? [])]);
  for (const name of GROUPS) expect(lanes.heldGroup(name)).toEqual([...(model.groups.get(name) ?? [])]);
  for (const reason of ["paused", "rate"])
    expect(lanes.sizeHeldFor(reason)).toBe(entries.filter((entry) => model.reasons(entry).includes(reason)).length);
  // A level counts with the rank of its oldest.
  const heads = model.heads();
  const rankOf = ({ lane, priority }: Entry) => model.rank(heads.find((head) => head.lane === lane && head.priority === priority)!);
  const levels = new Map<string, { group: string | null; priority: number; count: number; oldest: number }>();
  for (const entry of ready.toSorted((one, other) => rankOf(one) - rankOf(other) || one.id - other.id)) {
    const { group } = laneParts(entry.lane);
    const sum = levels.get(`${rankOf(entry)} ${group}`);
    if (sum) sum.count += 1;
    else levels.set(`${rankOf(entry)} ${group}`, { group: group || null, priority: rankOf(entry), count: 1, oldest: entry.id });
  }
  expect(lanes.sizeByGroupAndPriority()).toEqual([...levels.values()]);
}

function check(names: string[], policy: AgingPolicy | undefined): void {
  fc.assert(
    fc.property(fc.array(operationOn(names, policy !== undefined), { maxLength: 60, size: "max" }), (operations) => {
      const lanes = new Lanes();
      const model = new Model();
      if (policy) lanes.setAging({ policy, bornAt }, 0);
      model.policy = policy;
      for (const one of operations) {
        apply(lanes, model, one);
        model.settle();
        compare(lanes, model);
        const [some] = model.entries;
        if (some) expect(lanes.has(some.lane, some.priority, some.id)).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
}

describe("every operation does what a list does that is looked through for every task", () => {
  test("[order] by priority, then id", { timeout: 60_000 }, () => check(PLAIN, undefined));
  test("[fairness key] round robin over keys among equal priorities", { timeout: 60_000 }, () => check([...PLAIN, ...FAIR], undefined));
  test("[aging] by effective priority as time passes", { timeout: 60_000 }, () =>
    check(PLAIN, { graceMs: 200, intervalMs: 100, step: 64, ceiling: 64 }),
  );
  test("[aging] every step by one", { timeout: 60_000 }, () => check(PLAIN, { graceMs: 0, intervalMs: 7, step: 1, ceiling: 0 }));
});

describe("[aging] effective priority", () => {
  const policy = { graceMs: 300_000, intervalMs: 60_000, step: 1, ceiling: 64 };
  const minute = 60_000;
  test.each([
    [128, 0, 128],
    [128, 5 * minute, 128],
    [128, 6 * minute - 1, 128],
    [128, 6 * minute, 127],
    [128, 68 * minute, 65],
    [128, 69 * minute, 64],
    [128, 1e12, 64],
    [255, 1e12, 64],
    // More urgent than the ceiling by its own priority: age takes nothing from it.
    [64, 1e12, 64],
    [0, 1e12, 0],
    [128, -5, 128],
  ])("of %i at age %i is %i", (base, age, expected) => expect(effectivePriority(base, age, policy)).toBe(expected));

  test("the next change is the first moment with another answer", () => {
    const policies = fc.record({
      graceMs: fc.nat(50),
      intervalMs: fc.integer({ min: 1, max: 20 }),
      step: fc.integer({ min: 1, max: 90 }),
      ceiling: fc.nat(255),
    });
    fc.assert(
      fc.property(policies, fc.nat(255), fc.nat(400), (one, base, age) => {
        const now = effectivePriority(base, age, one);
        const at = nextChange(base, age, one);
        if (at === Infinity) {
          expect(effectivePriority(base, 1e9, one)).toBe(now);
        } else {
          expect(at).toBeGreaterThan(age);
          expect(effectivePriority(base, at - 1, one)).toBe(now);
          expect(effectivePriority(base, at, one)).toBeLessThan(now);
        }
      }),
    );
  });
});

test("ready work comes by priority, then id, over lanes, in as few runs as possible", () => {
  const lanes = new Lanes();
  const own = laneName("type:a", null, null);
  lanes.add("", 128, 1, 1_000_000);
  lanes.add(own, 128, 2_000_000);
  lanes.add("", 0, 3_000_000, 3_000_009);
  lanes.remove("", 128, 3);
  expect(lanes.take(20)).toEqual([
    { lane: "", priority: 0, first: 3_000_000, count: 10 },
    { lane: "", priority: 128, first: 1, count: 2 },
    { lane: "", priority: 128, first: 4, count: 8 },
  ]);
});

test("what is held hides nobody, takes in what comes, and comes back in order", () => {
  const lanes = new Lanes();
  const capped = laneName("", "capped", null);
  lanes.holdGroup("capped", "cap");
  lanes.holdGroup("capped", "paused");
  lanes.add(capped, 0, 1, 500);
  lanes.add("", 255, 501);
  lanes.add(capped, 0, 502);
  expect(lanes.peek()).toMatchObject({ lane: "", group: null, priority: 255, id: 501 });
  expect(lanes.readySize).toBe(1);
  expect(lanes.oldestId()).toBe(1);
  expect(lanes.releaseGroup("capped", "cap")).toBe(false);
  expect(lanes.heldGroups()).toEqual([["capped", ["paused"]]]);
  expect(lanes.releaseGroup("capped", "paused")).toBe(true);
  expect(flat(lanes.take(1_000)).map(({ id }) => id)).toEqual([...Array.from({ length: 500 }, (_, n) => n + 1), 502]);
  expect(lanes.take(1_000)).toEqual([{ lane: "", priority: 255, first: 501, count: 1 }]);
});

test("a pull kind has an order of its own", () => {
  const lanes = new Lanes();
  lanes.add("", 128, 1);
  lanes.add(laneName("pull:t", null, null), 0, 2, 3);
  lanes.add(laneName("pull:t", "g", null), 0, 4);
  expect([lanes.size, lanes.readySize]).toEqual([4, 1]);
  expect(lanes.peek()).toMatchObject({ id: 1 });
  expect(lanes.peek("pull:t")).toMatchObject({ id: 2, group: null });
  expect(lanes.sizeByGroupAndPriority("pull:t")).toEqual([
    { group: null, priority: 0, count: 2, oldest: 2 },
    { group: "g", priority: 0, count: 1, oldest: 4 },
  ]);
  lanes.holdKind("pull:t", "rate");
  expect(lanes.peek("pull:t")).toBeUndefined();
  expect(lanes.sizeByGroupAndPriority("pull:t")).toEqual([]);
  lanes.releaseKind("pull:t", "rate");
  lanes.holdGroup("g", "paused");
  expect(flat(lanes.take(9, undefined, "pull:t")).map(({ id }) => id)).toEqual([2, 3]);
});

test("[fairness key] #46 one tenant's 100,000 do not delay another's one, and 30,000 keys cost what they are", () => {
  const lanes = new Lanes();
  lanes.add(laneName("", null, "big"), 128, 1, 100_000);
  lanes.add(laneName("", null, "small"), 128, 100_001);
  expect(flat(lanes.take(3)).map(({ id }) => id)).toEqual([1, 100_001, 2]);
  const many = new Lanes();
  for (let id = 1; id <= 60_000; id += 1) many.add(laneName("", null, String(id % 30_000)), 128, id);
  many.holdGroup("", "slots");
  expect(many.readySize).toBe(0);
  many.releaseGroup("", "slots");
  const order: number[] = [];
  for (let left = 60_000; left > 0; left -= 250) order.push(...flat(many.take(250)).map(({ id }) => id));
  expect(order).toEqual(Array.from({ length: 60_000 }, (_, n) => n + 1));
  expect(many.size).toBe(0);
});

test("what is ready by group is summed up in one walk, not one for each other group", () => {
  const lanes = new Lanes();
  const tenants = 20_000;
  for (let n = 0; n < tenants; n += 1) {
    lanes.add(laneName("", `tenant ${n}`, null), 128, 3 * n + 1, 3 * n + 3);
  }
  // Each group for each other would be four hundred million steps, and longer than this test may take.
  for (let round = 0; round < 10; round += 1) {
    const levels = lanes.sizeByGroupAndPriority();
    expect(levels).toHaveLength(tenants);
    expect(levels[7]).toEqual({ group: "tenant 7", priority: 128, count: 3, oldest: 22 });
  }
});

test("[aging] #47 the least urgent goes within its bound, though more urgent work comes without end", () => {
  const lanes = new Lanes();
  const second = 1_000;
  // 255 rises to 64 in (255 - 64) / 16 steps of a second, after 10 s: in its 22nd second it is as urgent as what comes, and older.
  lanes.setAging({ policy: { graceMs: 10 * second, intervalMs: second, step: 16, ceiling: 64 }, bornAt: (id) => (id - 1) * second }, 0);
  lanes.add(laneName("", null, null), 255, 1);
  let went = 0;
  for (let now = 1; now <= 60 && went === 0; now += 1) {
    lanes.add(laneName("", null, null), 64, now + 1);
    lanes.advance(now * second);
    const [next] = flat(lanes.take(1));
    if (next?.id === 1) went = now;
  }
  expect(went).toBe(22);
});

test("[fairness key] what is put back has its turn again", () => {
  const lanes = new Lanes();
  for (const [index, key] of ["a", "b", "c"].entries()) lanes.add(laneName("", null, key), 128, index * 10 + 1, index * 10 + 3);
  const picks = lanes.take(4);
  expect(flat(picks).map(({ id }) => id)).toEqual([1, 11, 21, 2]);
  lanes.putBack(picks.slice(1).toReversed());
  expect(flat(lanes.take(4)).map(({ id }) => id)).toEqual([11, 21, 2, 12]);
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

test("[metrics] what comes to wait below the floor is counted once: it came, or the floor fell", () => {
  const lanes = new Lanes();
  lanes.add("", 100, 1, 3);
  lanes.add("", 200, 4, 8);
  expect(lanes.takePressed()).toBe(0);
  lanes.setFloor(192);
  expect(lanes.takePressed()).toBe(5);
  lanes.setFloor(192);
  lanes.add("", 200, 8, 9);
  lanes.add("", 100, 10);
  expect(lanes.takePressed(), "one of them is new").toBe(1);
  lanes.setFloor(64);
  expect(lanes.takePressed(), "those below it already are not").toBe(4);
  lanes.setFloor();
  lanes.setFloor(192);
  expect(lanes.takePressed(), "they had been let go").toBe(6);
});
