import { beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";

const ids = (page: { items: { id: string }[] }) => page.items.map((item) => item.id);

describe("lists", () => {
  let made: string[] = [];
  beforeAll(async () => {
    const answers = await workQ.submitAll(
      Array.from({ length: 120 }, (_, n) => ({
        type: "plain",
        payload: { n },
        delay: "1h",
        tags: { even: String(n % 2 === 0), n: String(n) },
        label: `number ${n}`,
      })),
    );
    made = answers.map((answer) => answer.id);
    const { id } = await workQ.submit("play", { do: "permanent", name: "listed" });
    await until(
      () => workQ.task("play", id).get(),
      (task) => task.status === "failed",
    );
  });

  test("newest first, paged by keyset, every task exactly once", async () => {
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await workQ.list({ type: "plain", limit: 50, ...(cursor ? { cursor } : {}) });
      seen.push(...ids(page));
      cursor = page.next;
    } while (cursor);
    expect(seen).toEqual([...made].reverse());
  });

  test("[tags] filters: status, tag AND, key, error, q, since", async () => {
    expect(ids(await workQ.list({ status: "failed" }))).toHaveLength(1);
    expect(ids(await workQ.list({ status: ["failed", "dead_letter"], type: "play" }))).toHaveLength(1);
    expect(ids(await workQ.list({ error: "NEVER LISTED" }))).toHaveLength(1);
    expect(ids(await workQ.list({ tags: { even: "true" }, limit: 500 }))).toHaveLength(60);
    expect(ids(await workQ.list({ tags: { even: "true", n: "4" } }))).toEqual([made[4]]);
    expect(ids(await workQ.list({ tags: { even: "true", n: "5" } }))).toEqual([]);
    expect(ids(await workQ.list({ tags: { team: "test", n: "5" } }))).toEqual([made[5]]);
    expect(ids(await workQ.list({ tags: { _domain: "work", n: "5" } }))).toEqual([made[5]]);
    expect(ids(await workQ.list({ tags: { _domain: "other", n: "5" } }))).toEqual([]);
    expect(ids(await workQ.list({ q: "number 119" }))).toEqual([made[119]]);
    expect(ids(await workQ.list({ since: clock.now() + 60_000 }))).toEqual([]);
    expect(await workQ.count({ status: "scheduled" })).toBe(120);
    expect(await workQ.count({ tags: { even: "false" } })).toBe(60);
  });

  test("a page reads at most 20,000 rows", async () => {
    await workQ.submitAll(Array.from({ length: 10_000 }, (_, n) => ({ type: "plain", payload: { n }, delay: "2h" })));
    await workQ.submitAll(Array.from({ length: 10_000 }, (_, n) => ({ type: "plain", payload: { n }, delay: "2h" })));
    const before = (await workQ.snapshot()).cost.rowsRead;
    const page = await workQ.list({ q: "number 3", limit: 500 });
    expect(page.next).not.toBeNull();
    await workQ.pause();
    await workQ.resume();
    expect((await workQ.snapshot()).cost.rowsRead - before).toBeLessThan(25_000);
    const rest = await workQ.list({ q: "number 3", limit: 500, cursor: page.next! });
    expect([...ids(page), ...ids(rest)].sort()).toEqual([3, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39].map((n) => made[n]!).sort());
  });
});

describe("retention", { timeout: 180_000 }, () => {
  const law = async () => {
    const [stored] = await rows<{ ended: number; all: number }>(
      "other",
      `SELECT count(*) AS "all", coalesce(sum(status >= 10), 0) AS ended FROM tasks`,
    );
    const { totals, counts } = await otherQ.snapshot();
    const shown = Object.values(counts).reduce((sum, count) => sum + count, 0);
    expect(stored!.all).toBe(shown);
    expect(totals.submitted).toBe(shown + totals.purged!);
    return stored!.ended;
  };
  const ringAll = async () => {
    for (let slice = 0; slice < 8; slice += 1) await ring("other");
  };

  test("[history] #51 keeps the configured number, in slices, never one in its first minute; tags go along; the law holds", async () => {
    await otherQ.submit("play", { name: "alive" }, { delay: "3d" });
    await otherQ.submitAll(Array.from({ length: 1_800 }, (_, n) => ({ type: "play", payload: { name: `${n}` }, tags: { n: String(n) } })));
    await until(
      () => otherQ.count({ status: "completed" }),
      (done) => done === 1_800,
    );
    await ringAll();
    expect(await law()).toBe(1_800);
    clock.advance(61_000);
    await ringAll();
    expect(await law()).toBe(500);
    expect((await rows<{ n: number }>("other", "SELECT count(*) AS n FROM tags"))[0]!.n).toBe(500);
    expect(await otherQ.count({ status: "scheduled" })).toBe(1);
  });

  test("[history] and nothing older than its age, looked at once a day", async () => {
    clock.advance(50 * 3_600_000);
    await ringAll();
    // The hourly schedule of this domain has run meanwhile; what ended two days ago is gone.
    await until(law, (ended) => ended < 5);
  });

  test("#10 two pages of what may not go hide none that must", async () => {
    const item = (name: string, delay?: string) => ({ type: "play", payload: { name }, ...(delay ? { delay } : {}) });
    const { counts } = await otherQ.snapshot();
    await otherQ.submitAll(Array.from({ length: 1_100 }, (_, n) => item(`stays ${n}`, "30d")) as never);
    await otherQ.submitAll(Array.from({ length: 600 }, (_, n) => item(`goes ${n}`)) as never);
    await until(
      () => otherQ.snapshot(),
      (seen) => seen.counts.completed === counts.completed! + 600,
    );
    clock.advance(61_000);
    await ringAll();
    expect(await law()).toBe(500);
    expect(await otherQ.count({ status: "scheduled" })).toBe(counts.scheduled! + 1_100);
  });
});
