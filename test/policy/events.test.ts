import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MillEvent, nextSeq } from "../../src/policy/events/event.ts";
import { type EventFilter, passes } from "../../src/policy/events/filter.ts";
import { EventRing, KEPT } from "../../src/policy/events/ring.ts";

const event = (seq: number, more: Partial<MillEvent> = {}): MillEvent => ({ seq, at: "", event: "task.started", domain: "work", ...more });
const push = (ring: EventRing, at: number, count: number): void => {
  const seq = nextSeq(ring.last, at);
  ring.push({ seq, at, count, event: "task.started", make: () => Array.from({ length: count }, (_, index) => event(seq + index)) });
};

describe("[events] the ring", () => {
  it("keeps the last 10,000 of 5 minutes, in order; what it lacks lies at or below its floor", () => {
    const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 90_000 }), count: fc.integer({ min: 1, max: 900 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (pushes, from) => {
        const ring = new EventRing(0);
        const all: { seq: number; at: number }[] = [];
        let now = 1_000;
        for (const { wait, count } of pushes) {
          now += wait;
          push(ring, now, count);
          for (let index = count - 1; index >= 0; index -= 1) all.push({ seq: ring.last - index, at: now });
        }
        const kept = all.filter(({ seq }) => seq > ring.floor);
        expect(kept.length).toBe(ring.size);
        expect(ring.size).toBeLessThanOrEqual(KEPT.events);
        expect(kept.every(({ at }) => at > now - KEPT.ms)).toBe(true);
        // No more is dropped than has to be, whole entries at a time.
        if (ring.size < all.length && ring.size <= KEPT.events - 900)
          expect(all[all.length - ring.size - 1]!.at).toBeLessThanOrEqual(now - KEPT.ms);
        const since = Math.floor(from * ring.last);
        expect([...ring.after(since)].map(({ seq }) => seq)).toEqual(kept.map(({ seq }) => seq).filter((seq) => seq > since));
      }),
    );
  });

  it("makes events once, and only when somebody reads", () => {
    const ring = new EventRing(0);
    let made = 0;
    ring.push({ seq: 5, at: 1, count: 1, event: "task.started", make: () => ((made += 1), [event(5)]) });
    expect(made).toBe(0);
    expect([...ring.after(0), ...ring.after(4)].length).toBe(2);
    expect(made).toBe(1);
  });

  it("one entry alone may hold more, such as a cascade", () => {
    const ring = new EventRing(0);
    push(ring, 1, 30_000);
    expect(ring.size).toBe(30_000);
    push(ring, 2, 1);
    expect(ring.size).toBe(1);
  });

  it("may skip: then nothing from before is kept, and the next comes after", () => {
    const ring = new EventRing(0);
    ring.push({ seq: 1, at: 0, count: 1, event: "task.started", make: () => [event(1)] });
    ring.skipTo(50);
    expect([ring.size, ring.floor, ring.last, [...ring.after(0)].length]).toEqual([0, 50, 50, 0]);
    ring.skipTo(10);
    expect(ring.last).toBe(50);
    ring.push({ seq: 51, at: 0, count: 1, event: "task.started", make: () => [event(51)] });
    expect([...ring.after(50)].map(({ seq }) => seq)).toEqual([51]);
  });

  it("numbers grow, by the clock, and where that stands or goes back", () => {
    expect(nextSeq(0, 10)).toBe(40_960);
    expect(nextSeq(40_960, 10)).toBe(40_961);
    expect(nextSeq(40_961, 9)).toBe(40_962);
    expect(Number.isSafeInteger(nextSeq(0, Date.parse("2039-01-01T00:00:00Z")))).toBe(true);
  });
});

describe("[events] filters", () => {
  const common = (domain: string | null): Record<string, string> => (domain === null ? {} : { team: "a", _domain: domain });
  const cases: [string, Partial<MillEvent>, EventFilter, boolean][] = [
    ["everything", {}, {}, true],
    ["its name", {}, { events: ["task.completed"] }, false],
    ["a common tag", { task: "work_1" }, { tags: [["team", "a"]] }, true],
    ["its own tag before a common one", { task: "work_1", tags: { team: "b" } }, { tags: [["team", "a"]] }, false],
    ["a tag that is none of its own", { task: "work_1" }, { tags: [["toString", "x"]] }, false],
    [
      "all tags",
      { task: "work_1", tags: { x: "1" } },
      {
        tags: [
          ["x", "1"],
          ["y", "2"],
        ],
      },
      false,
    ],
    ["tags of what is about no task", { event: "domain.paused" }, { tags: [["team", "a"]] }, false],
    ["a batch by its types", { event: "batch.submitted", types: { resize: 2 } }, { type: "resize" }, true],
    ["a batch by a task of it", { event: "batch.submitted", first: "work_9", last: "work_11" }, { task: "work_10" }, true],
    ["a batch by a task that is not", { event: "batch.submitted", first: "work_9", last: "work_11" }, { task: "work_12" }, false],
    ["a batch by a task of another domain", { event: "batch.submitted", first: "work_9", last: "work_11" }, { task: "other_10" }, false],
    ["other domains", {}, { domains: ["mail"] }, false],
    ["the mill's own, whatever the domains", { domain: null }, { domains: ["mail"] }, true],
    ["missed of another domain", { event: "missed" }, { domains: ["mail"] }, false],
    ["what is said of groups, to whom it is not for", { event: "group.paused", domain: null }, { groups: false }, false],
    ["what is said of the mill, to the same", { event: "mill.paused", domain: null }, { groups: false, domains: ["work"] }, true],
    ["missed, always", { event: "missed", domain: null }, { type: "x", task: "y_1", events: ["task.failed"] }, true],
  ];
  it.each(cases)("%s", (_what, more, filter, expected) => {
    expect(passes(event(1, more), filter, common)).toBe(expected);
  });
});
