import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { rows } from "../worker/reach.ts";

beforeAll(() => clock.freeze());
afterEach(async () => {
  for (const { id } of (await workQ.list({ status: ["running", "pending", "scheduled"] })).items) await workQ.task("pulled", id).cancel();
});

const pulled = async () => {
  const { id } = await workQ.submit("pulled", { name: "x" });
  const [held] = await workQ.claim({ worker: "w", types: ["pulled"], lease: "1h", wait: "5s" });
  const progress = async () => (await workQ.task("pulled", id).get()).progress;
  return { id, held: held!, progress };
};

describe("[progress] of a running task", () => {
  test("bytes: a rate, the remaining time, and where it probably is by now", async () => {
    const { held, progress } = await pulled();
    expect(await progress()).toBeNull();
    clock.advance(1_000);
    await held.renew({ progress: { bytes: { done: 100, total: 1_000 }, message: "up" } });
    expect(await progress()).toEqual({
      fraction: 0.1,
      message: "up",
      bytes: { done: 100, total: 1_000, perSecond: 100 },
      extrapolated: 0.1,
      etaMs: 9_000,
    });
    clock.advance(2_000);
    expect(await progress()).toMatchObject({ fraction: 0.1, extrapolated: 0.3, etaMs: 7_000 });
    expect((await workQ.snapshot()).running).toMatchObject([{ type: "pulled", progress: { extrapolated: 0.3 } }]);
    await held.complete("done");
    expect(await progress()).toBeNull();
  });

  test("one that says nothing is where its type usually is, and that is remembered through a crash, without a row of its own", async () => {
    // The one before took 3 s.
    const { held, progress } = await pulled();
    clock.advance(1_500);
    expect(await progress()).toEqual({ fraction: 0.5, message: null, extrapolated: 0.5, etaMs: 1_500 });
    await crash("work");
    expect(await progress()).toMatchObject({ fraction: 0.5 });
    clock.advance(60_000);
    expect(await progress()).toMatchObject({ fraction: 0.99 });
    await held.fail("too slow");
    const [state] = await rows<{ typical: string }>("work", "SELECT json ->> '$.typical' AS typical FROM state");
    expect(JSON.parse(state!.typical)).toEqual({ pulled: [1, 3_000] });
  });

  test("what an earlier attempt said is over with it", async () => {
    const { id, held } = await pulled();
    clock.advance(1_000);
    await held.renew({ progress: 0.8 });
    await held.fail("again", { retryAfter: 0 });
    const [next] = await workQ.claim({ worker: "w", types: ["pulled"], lease: "1h", wait: "5s" });
    clock.advance(300);
    expect((await workQ.task("pulled", id).get()).progress).toMatchObject({ fraction: 0.1, message: null });
    await next!.release();
  });

  test("executions that are over at once leave no trace", async () => {
    const { id } = await workQ.submit("plain", { n: 1 });
    await workQ.task("plain", id).result();
    const [state] = await rows<{ typical: string }>("work", "SELECT json ->> '$.typical' AS typical FROM state");
    expect(JSON.parse(state!.typical)).not.toHaveProperty("plain");
  });
});
