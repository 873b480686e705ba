import { createExecutionContext } from "cloudflare:test";
import { admit, deny } from "millrace";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reachDomain } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { mill, strictQ, workQ } from "../worker/index.ts";
import { books } from "../worker/laws.ts";
import { gate } from "../worker/script.ts";
import { keeper } from "../worker/strict.ts";

const time = new Time(["work", "strict"]);
beforeAll(() => {
  clock.takeOver();
  time.stepMs = 50;
  time.start();
});
afterAll(() => time.stop());

const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
async function scrape(): Promise<string> {
  return (await mill.fetch(new Request("http://mill/metrics"), OPEN, createExecutionContext())).text();
}
const valueIn = (text: string, sample: string): number => {
  const line = text.split("\n").find((one) => one.startsWith(`millrace_${sample} `));
  return Number(line?.slice(line.lastIndexOf(" ") + 1));
};
/** What `/metrics` says once the domain has told its figures. */
async function told(domain: string, sample: string): Promise<number> {
  clock.advance(60_000);
  await reachDomain(domain).poke();
  return valueIn(await scrape(), sample);
}
const denied = (domain: string, reason: string) => told(domain, `gate_denials_total{domain="${domain}",reason="${reason}"}`);
const ended = async (queue: typeof workQ, ids: readonly string[]): Promise<void> => {
  for (const id of ids) await time.until(`the end of ${id}`, async () => (await queue.task("plain", id).get()).finishedAt !== null, 4_000);
};

describe("[metrics] what holds tasks back is counted when a task is newly set aside", { timeout: 180_000 }, () => {
  const strict = strictQ as unknown as typeof workQ;

  test("by the domain's gate: not each time it is asked again", async () => {
    const isHeld = ({ tags }: { tags: Record<string, string> }) => tags.held !== undefined;
    keeper.answer = (task) => {
      if (task.tags.held === "broken") throw new Error("no shop");
      return isHeld(task) ? deny("closed") : admit;
    };
    const ids: string[] = [];
    for (const held of ["yes", "yes", "yes", "broken"]) ids.push((await strictQ.submit("plain", { name: "gated" }, { tags: { held } })).id);
    time.stepMs = 500;
    await time.until("two more questions about each", () => ids.every((id) => keeper.asked.filter((one) => one === id).length > 2));
    expect((await books("strict")).state.figures.held).toEqual({ denials: { gate: 3, gate_error: 1 } });
    expect(await denied("strict", "gate")).toBe(3);
    keeper.answer = () => admit;
    await ended(strict, ids);
    await crash("strict");
    expect(await denied("strict", "gate")).toBe(3);
    expect(await denied("strict", "gate_error")).toBe(1);
    time.stepMs = 50;
  });

  test("by an IO budget: the first task that does not fit", async () => {
    const move = async (name: string) => (await strictQ.submit("move", { do: "hold", name, bytes: 1_000 })).id;
    const ids = [await move("seen")];
    await time.until("it to run", async () => (await strictQ.snapshot()).running.length === 1);
    const end = clock.now() + 2_000;
    await time.until("its time", () => clock.now() >= end);
    gate("seen").open();
    await ended(strict, ids);
    expect(await denied("strict", "io")).toBe(0);
    for (const name of ["first", "second", "third"]) ids.push(await move(name));
    expect(await denied("strict", "io")).toBe(1);
    for (const name of ["first", "second", "third"]) gate(name).open();
    await ended(strict, ids);
  });

  test("by pressure: each task that comes to wait, once, through a crash", async () => {
    const ids: string[] = [];
    const submit = async (priority: "normal" | "background") =>
      void ids.push((await workQ.submit("plain", { n: ids.length }, { priority })).id);
    await submit("normal");
    await ended(workQ, ids);
    await mill.pressure("disk", 0.6, "1h");
    for (let n = 0; n < 3; n += 1) await submit("background");
    await submit("normal");
    await ended(workQ, ids.slice(-1));
    expect(await denied("work", "pressure")).toBe(3);
    await crash("work");
    expect(await denied("work", "pressure")).toBe(3);
    await mill.pressure("disk", 0, "1s");
    await ended(workQ, ids);
    expect(await denied("work", "pressure")).toBe(3);
  });

  test("by rate limits: each wait for the next token; what a bucket holds by now is seen without its domain", async () => {
    const sample = (name: string) => `rate_limit_${name}{domain="work",scope_kind="type",scope="limited"}`;
    const submit = async (count: number) =>
      (await workQ.submitAll(Array.from({ length: count }, (_, n) => ({ type: "limited", payload: { n } }) as const))).map(({ id }) => id);
    await ended(workQ, await submit(4));
    expect(await told("work", sample("throttles_total"))).toBe(0);
    await ended(workQ, await submit(7));
    const { figures } = (await books("work")).state;
    const waits = figures.held?.throttles?.limited ?? 0;
    expect(waits).toBeGreaterThanOrEqual(1);
    expect(waits).toBeLessThanOrEqual(3);
    await reachDomain("work").poke();
    const before = await scrape();
    expect(valueIn(before, sample("throttles_total"))).toBe(waits);
    expect(valueIn(before, sample("tokens_available"))).toBeLessThan(4);
    const asked = (text: string) => valueIn(text, 'domain_figures_timestamp_seconds{domain="work"}');
    clock.advance(15_000);
    const after = await scrape();
    expect(valueIn(after, sample("tokens_available"))).toBe(4);
    expect(asked(after)).toBe(asked(before));
  });

  test("by a group's rate limit, as the coordinator gives its tokens", async () => {
    const sample = (name: string) => `rate_limit_${name}{scope_kind="group",scope="metered"}`;
    await mill.group("metered").set({ rate: { permits: 2, per: "10s" } });
    const full = await scrape();
    expect([valueIn(full, sample("throttles_total")), valueIn(full, sample("tokens_available"))]).toEqual([0, 2]);
    const items = Array.from({ length: 4 }, (_, n) => ({ type: "plain", payload: { n }, group: "metered" }) as const);
    const ids = (await workQ.submitAll(items)).map(({ id }) => id);
    await ended(workQ, ids);
    const text = await scrape();
    expect(valueIn(text, sample("throttles_total"))).toBeGreaterThanOrEqual(1);
    expect(valueIn(text, sample("throttles_total"))).toBeLessThanOrEqual(4);
    await mill.group("metered").set({ rate: null });
    expect(await scrape()).not.toContain('scope="metered"');
  });
});
