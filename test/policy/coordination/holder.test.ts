import { describe, expect, test } from "vitest";
import { Holder } from "../../../src/policy/coordination/holder.ts";
import type { Demand, Grant, SyncRequest } from "../../../src/policy/coordination/protocol.ts";

const want = (count: number, priority = 128): Demand[] => (count > 0 ? [{ group: null, priority, count, oldestMs: 0 }] : []);
const grant = (version: number, slots: number, more: Partial<Grant> = {}): Grant => ({ version, slots, leaseMs: 30_000, ...more });
const make = () => new Holder({ holder: "media", incarnation: "i1" });

/** Asks for `wanted` at `now` and is granted `slots`. */
function granted(holder: Holder, now: number, wanted: number, slots: number, version: number): SyncRequest {
  const request = holder.due(now, want(wanted));
  if (request === null) throw new Error("nothing was due");
  holder.answered(request, { grant: grant(version, slots) }, now);
  return request;
}

describe("a holder", () => {
  test("starts nothing before its first grant, and asks once for its first task", () => {
    const holder = make();
    expect([holder.free(0), holder.valid(0), holder.due(0, []), holder.nextAt(0, false)]).toEqual([0, false, null, null]);
    const request = holder.due(1_000, want(1));
    expect(request).toMatchObject({ holder: "media", incarnation: "i1", seq: 1, version: 0, holding: 0, using: 0, cap: null });
    expect(holder.due(1_001, want(5)), "one request at a time").toBeNull();
    holder.answered(request!, { grant: grant(7, 1) }, 1_000);
    expect([holder.free(30_999), holder.free(31_000)]).toEqual([1, 0]);
  });

  test("the lease counts from before it asked, and a push does not extend it", () => {
    const holder = make();
    granted(holder, 1_000, 2, 2, 7);
    holder.pushed(grant(8, 4), 30_000, "i1");
    expect([holder.free(30_999), holder.valid(31_000), holder.free(31_000)]).toEqual([4, false, 0]);
  });

  test("its own cap holds at once", () => {
    const holder = make();
    granted(holder, 0, 4, 4, 1);
    holder.occupy();
    holder.setCap(2);
    expect(holder.free(1)).toBe(1);
    holder.setCap(0);
    expect([holder.free(1), holder.using]).toEqual([0, 1]);
    expect(holder.due(1, want(5)), "no more would be of use").toBeNull();
  });

  test("idle it makes no call; with runs open it renews after 15 s", () => {
    const holder = make();
    granted(holder, 0, 1, 1, 1);
    expect([holder.due(29_000, []), holder.nextAt(29_000, false)]).toEqual([null, null]);
    holder.occupy();
    expect(holder.nextAt(1_000, false)).toBe(15_000);
    expect(holder.due(14_999, [])).toBeNull();
    expect(holder.due(15_000, [])).toMatchObject({ seq: 2, version: 1, holding: 1, using: 1 });
  });

  test("#7 #8 starved, it asks at once for what the coordinator does not know, else again after 5 s", () => {
    const holder = make();
    granted(holder, 0, 3, 0, 1);
    expect([holder.due(1, want(3)), holder.nextAt(1, true)]).toEqual([null, 5_000]);
    expect(holder.due(1, want(1, 64)), "more urgent than it knows").not.toBeNull();
    const met = make();
    granted(met, 0, 1, 1, 1);
    met.occupy();
    expect(met.due(1, want(1)), "the first wish was fulfilled, this is another").not.toBeNull();
  });

  test("a cut is confirmed as far as it can be at once, the rest as each run ends", () => {
    const holder = make();
    granted(holder, 0, 4, 4, 1);
    holder.occupy();
    holder.occupy();
    expect(holder.pushed(grant(2, 0), 10, "i1")).toEqual({ version: 2, holding: 2 });
    expect([holder.free(10), holder.due(10, [])]).toEqual([0, null]);
    holder.vacate();
    const request = holder.due(11, []);
    expect(request).toMatchObject({ version: 2, holding: 1, using: 1 });
    holder.answered(request!, { grant: grant(3, 0) }, 11);
    expect(holder.due(12, [])).toBeNull();
    holder.vacate();
    expect(holder.due(13, [])).toMatchObject({ version: 3, holding: 0 });
  });

  test("a cut that came with an answer is confirmed without delay", () => {
    const holder = make();
    granted(holder, 0, 4, 4, 1);
    holder.occupy();
    const request = holder.due(15_000, []);
    holder.answered(request!, { grant: grant(2, 1) }, 15_000);
    expect(holder.due(15_001, [])).toMatchObject({ version: 2, holding: 1 });
  });

  test("while slots are short, unused ones go back and are not used again", () => {
    const holder = make();
    granted(holder, 0, 4, 4, 1);
    holder.pushed(grant(2, 4, { short: true }), 100, "i1");
    expect(holder.nextAt(100, false)).toBe(250);
    expect(holder.due(250, [])).toMatchObject({ version: 2, holding: 0 });
    expect(holder.free(251), "before the answer").toBe(0);
  });

  test("older versions, other incarnations and answers to requests given up are passed over", () => {
    const holder = make();
    const lost = holder.due(0, want(1))!;
    holder.failed(lost, 1_000);
    expect([holder.due(1_100, want(1)), holder.nextAt(1_100, true)]).toEqual([null, 1_250]);
    const request = holder.due(1_250, want(1))!;
    holder.answered(lost, { grant: grant(5, 9) }, 0);
    expect(holder.free(1_251)).toBe(0);
    expect(holder.pushed(grant(8, 2), 1_252, "i1")).toEqual({ version: 8, holding: 2 });
    holder.answered(request, { grant: grant(6, 5) }, 1_250);
    expect(holder.free(1_253), "the push was newer").toBe(2);
    expect(holder.pushed(grant(7, 9), 1_254, "i1")).toBeNull();
    expect(holder.pushed(grant(99, 9), 1_254, "i0")).toBeNull();
    expect(holder.free(1_255)).toBe(2);
    expect(holder.pushed(grant(8, 2), 1_256, "i1"), "the same again is confirmed again").toEqual({ version: 8, holding: 2 });
  });

  test("a request that nobody answers or fails is given up after 20 s; failures wait longer and longer, up to 5 s", () => {
    const holder = make();
    holder.due(0, want(1));
    expect(holder.nextAt(10, true)).toBe(20_000);
    expect(holder.due(20_000, want(1))).toBeNull();
    let now = 20_000;
    const waits: number[] = [];
    for (let round = 0; round < 7; round++) {
      const at = holder.nextAt(now, true)!;
      waits.push(at - now);
      now = at;
      const request = holder.due(now, want(1));
      expect(request).not.toBeNull();
      holder.failed(request!, now);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  test("a lapsed grant is void: the next request holds only what is used", () => {
    const holder = make();
    granted(holder, 0, 4, 4, 1);
    holder.occupy();
    expect(holder.due(30_000, want(3))).toMatchObject({ version: 1, holding: 1, using: 1 });
  });

  test("[rate limits] tokens that it cannot use go back when others wait for them: at once where their group may have no slot, else in turn", () => {
    const wants: Demand[] = [{ group: "mail", priority: 128, count: 3, oldestMs: 0 }];
    const mail = (slots: number) => ({ perGroup: new Map([["mail", { slots, tokens: 1 }]]), shortGroups: ["mail"] });
    const tokensOf = (request: SyncRequest | null) => request?.groups?.get("mail")?.tokens?.returned;
    const holder = make();
    const first = holder.due(0, wants)!;
    holder.answered(first, { grant: grant(1, 1, mail(1)) }, 0);
    expect([holder.free(1, "mail"), holder.due(1, wants)]).toEqual([1, null]);
    // Its slots go to other domains, its token stays with it: neither could start anything.
    expect(holder.pushed(grant(2, 1, mail(0)), 1_000, "i1")).toMatchObject({ version: 2 });
    expect(tokensOf(holder.due(1_000, wants))).toBe(1);

    const busy = make();
    busy.answered(busy.due(0, wants)!, { grant: grant(1, 1, mail(1)) }, 0);
    busy.occupy();
    const more = busy.due(1_000, wants)!;
    expect(tokensOf(more), "its slot may come free").toBe(0);
    busy.answered(more, { grant: grant(2, 1, mail(1)) }, 1_000);
    expect(busy.due(5_999, wants)).toBeNull();
    expect(tokensOf(busy.due(6_000, wants))).toBe(1);
    expect(busy.tokens("mail")).toBe(0);
  });

  test("a clock that goes back ends the grant: it asks at once, whatever was under way, and goes on by the new time", () => {
    const holder = make();
    granted(holder, 3_600_000, 2, 2, 1);
    holder.occupy();
    expect([holder.valid(3_599_999), holder.free(1_000)]).toEqual([false, 0]);
    const lost = holder.due(1_000, want(1));
    expect(lost, "to renew what runs").toMatchObject({ holding: 1, using: 1 });
    holder.failed(lost!, 3_700_000);
    const request = holder.due(2_000, want(1));
    expect(request, "after a pause counted from now").toBeNull();
    granted(holder, holder.nextAt(2_000, true)!, 1, 2, 2);
    expect([holder.nextAt(2_300, false), holder.valid(32_000), holder.valid(32_500)]).toEqual([17_250, true, false]);
  });

  test("asked after an earlier life, or by a coordinator that knows nothing, it shows itself", () => {
    const holder = make();
    expect(holder.pushed(grant(3, 0), 0, "i0")).toBeNull();
    const request = holder.due(1, []);
    expect(request).toMatchObject({ seq: 1, holding: 0, wanting: [] });
    holder.answered(request!, { grant: grant(4, 0) }, 1);
    holder.pushed(grant(0, 0), 2, "i0");
    expect(holder.due(3, []), "it has shown itself").toBeNull();
    holder.pushed(grant(0, 0), 4, "");
    expect(holder.due(5, [])).not.toBeNull();
  });
});
