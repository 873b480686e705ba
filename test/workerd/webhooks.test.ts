import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createMill, httpDomain, verifySignature } from "millrace";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { clock } from "../worker/clock.ts";
import { HOOK_SECRET, hooked } from "../worker/hooks.ts";
import { httpQ, hookedQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, until } from "../worker/reach.ts";

interface Sent {
  url: string;
  body: string;
  signature: string | null;
  delivery: string | null;
  attempt: string | null;
}
let sent: Sent[] = [];
/** What the receiver says, one after another; then `ok`. */
let answers: Response[] = [];
beforeEach(() => {
  sent = [];
  answers = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const headers = new Headers(init?.headers as HeadersInit);
    sent.push({
      url: String(url),
      body: String(init?.body),
      signature: headers.get("millrace-signature"),
      delivery: headers.get("millrace-delivery"),
      attempt: headers.get("millrace-attempt"),
    });
    return answers.shift() ?? new Response("ok");
  });
});
afterEach(() => vi.restoreAllMocks());

const submit = (options: object = {}) => hookedQ.submit("note", { n: 1 }, { key: null, delay: "1h", ...options });
const arrived = (count: number) =>
  until(
    () => sent,
    ({ length }) => length >= count,
  );

describe("[events] webhooks", () => {
  test("an event goes out once, signed with the webhook's own secret; nothing of its delivery does", async () => {
    const { id } = await submit();
    await hookedQ.task("note", id).cancel();
    await arrived(2);
    const events = sent.map(({ body }) => JSON.parse(body) as { event: string; task: string; seq: number });
    expect(events.map(({ event, task }) => [event, task]).sort()).toEqual([
      ["task.cancelled", id],
      ["task.submitted", id],
    ]);
    for (const { body, signature: header } of sent) {
      expect(await verifySignature({ body, header, keys: HOOK_SECRET })).toBe(true);
      expect(await verifySignature({ body, header, keys: "the key of all other deliveries" })).toBe(false);
    }
    await until(
      () => httpQ.count({ status: "completed" }),
      (count) => count === 2,
    );
    expect(sent).toHaveLength(2);
  });

  test("an answer that is lost on its way doubles no delivery", async () => {
    const before = await httpQ.count();
    platform.lostAnswers = 1;
    const { id } = await submit();
    await hookedQ.task("note", id).cancel();
    await arrived(2);
    await until(
      async () => (await hookedQ.snapshot()).outbox.length,
      (count) => count === 0,
    );
    expect((await httpQ.count()) - before).toBe(2);
    expect(platform.lostAnswers).toBe(0);
  });

  test("a receiver that is down gets the same delivery again, signed anew; one that has gone gets no more", async () => {
    answers = [new Response("down", { status: 503, headers: { "retry-after": "60" } }), new Response("gone", { status: 410 })];
    const { id } = await submit();
    await arrived(1);
    const delivery = sent[0]!.delivery!;
    await until(
      () => httpQ.task("deliver", delivery).get(),
      ({ status }) => status === "scheduled",
    );
    clock.advance(61_000);
    await ring("http");
    await arrived(2);
    const { error } = await until(
      () => httpQ.task("deliver", delivery).get(),
      ({ status }) => status === "failed",
    );
    expect(error).toMatchObject({ code: "http_410" });
    expect(sent.map((one) => [one.delivery, one.attempt, (JSON.parse(one.body) as MillEvent).task])).toEqual([
      [delivery, "1", id],
      [delivery, "2", id],
    ]);
    expect(sent[0]!.body).toBe(sent[1]!.body);
    for (const { body, signature: header } of sent) expect(await verifySignature({ body, header, keys: HOOK_SECRET })).toBe(true);
  });

  test("other domains' events, and a change that came to nothing, go nowhere", async () => {
    const before = await httpQ.count();
    const { id } = await workQ.submit("plain", { n: 1 }, { delay: "1h" });
    await workQ.task("plain", id).cancel();
    const { id: own } = await submit({ key: "held" });
    await expect(submit({ key: "held", onDuplicate: "reject" })).rejects.toMatchObject({ code: "rejected_duplicate" });
    await arrived(1);
    await hookedQ.task("note", own).cancel();
    await arrived(2);
    expect((await httpQ.count()) - before).toBe(2);
  });

  test("a delivery of somebody else's has the domain's key, and cannot say that it is a webhook's", async () => {
    const { id } = await httpQ.submit("deliver", { url: "https://hooks.test/in", body: 1 });
    await httpQ.task("deliver", id).result({ timeout: "20s" });
    const { body, signature: header } = sent[0]!;
    expect(await verifySignature({ body, header, keys: HOOK_SECRET })).toBe(false);
    expect(await verifySignature({ body, header, keys: "the key of all other deliveries" })).toBe(true);
    await expect(httpQ.submit("deliver", { url: "https://hooks.test/in", body: 1 }, { tags: { _webhook: "1" } })).rejects.toMatchObject({
      code: "invalid_tag",
    });
  });

  test("what is wrong with them is said, all at once", () => {
    const good = { url: "https://a.test", events: ["task.failed"], secret: "x".repeat(16) };
    const problems = (webhooks: unknown, domains: unknown[] = [hooked, httpDomain({ keys: "unsigned" })]): string[] => {
      try {
        createMill({ domains, webhooks } as never);
        return [];
      } catch (error) {
        return (error as { facts: { problems: string[] } }).facts.problems;
      }
    };
    expect(problems([good])).toEqual([]);
    expect(problems([good], [hooked])).toEqual([expect.stringContaining("httpDomain")]);
    expect(problems({})).toEqual([expect.stringContaining("must be a list")]);
    for (const url of ["ftp://a.test", "a.test", "", "https://", "https://user:word@a.test", `https://a.test/${"x".repeat(2_048)}`, 7])
      expect(problems([{ ...good, url }]), String(url)).toEqual([expect.stringContaining("url")]);
    for (const secret of [
      "",
      "short",
      [],
      [undefined],
      ["x".repeat(16), "short"],
      ["1", "2", "3"].map((one) => one.repeat(16)),
      [7],
      7,
      null,
    ])
      expect(problems([{ ...good, secret }]), JSON.stringify(secret)).toEqual([expect.stringContaining("webhooks[0].secret: ")]);
    expect(problems([{ ...good, secret: ["x".repeat(16), undefined] }])).toEqual([]);
    expect(problems(["https://a.test", null])).toEqual([
      "createMill: webhooks[0] must be { url, events, secret }.",
      "createMill: webhooks[1] must be { url, events, secret }.",
    ]);
    expect(
      problems([{ ...good, events: ["task.fail", "mill.paused"] }, good, { ...good, url: "https://b.test", domains: ["http"], colour: 1 }]),
    ).toEqual([
      expect.stringContaining("task.failed"),
      expect.stringContaining("mill.paused"),
      expect.stringContaining("same url"),
      expect.stringContaining("colour"),
      expect.stringContaining("domains"),
    ]);
  });
});
