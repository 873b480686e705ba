import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import { reachCoordinator } from "../../src/durable/reach.ts";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { KEPT } from "../../src/policy/events/ring.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { mill, workQ } from "../worker/index.ts";
import { type Ear, listen, stream } from "../worker/listen.ts";
import { stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const ears: Ear[] = [];
const ear = async <E extends Ear>(opened: Promise<E>): Promise<E> => {
  const one = await opened;
  ears.push(one);
  return one;
};
afterEach(() => {
  for (const one of ears.splice(0)) one.close();
});

const named = (name: string) => (event: MillEvent) => event.event === name;
const names = (events: readonly MillEvent[]) => events.map(({ event }) => event);
const later = { delay: "1h" } as const;
const make = (name = "x") => workQ.submit("play", { do: "ok", name }, { key: null, ...later });
/** Events without tasks: as many as there are in a burst. */
const burst = (count: number) =>
  runInDurableObject(stub("work"), (object) => {
    const { stream: events } = object as unknown as { stream: { say(event: string, facts: object): void } };
    for (let index = 0; index < count; index += 1) events.say("schedule.skipped", { count: index });
  });
const isLast = (count: number) => (event: MillEvent) => event["count"] === count - 1;

describe("[events] replay", () => {
  test("since: what came after it, and then what comes", async () => {
    const first = await ear(listen("?domain=work"));
    await make("a");
    const { seq } = await first.hears(named("task.submitted"));
    await make("b");
    await make("c");
    await first.hears(() => first.heard.length === 3);
    const again = await ear(listen(`?domain=work&since=${seq}`));
    await make("d");
    await again.hears(() => again.heard.length === 3);
    expect(again.heard.map(({ label }) => label)).toEqual(["play b", "play c", "play d"]);
    expect(again.heard.slice(0, 2)).toEqual(first.heard.slice(1, 3));
  });

  test("what is not kept any more is told as missed; after a restart numbers go on above those before", async () => {
    const before = await ear(listen("?domain=work"));
    await make("a");
    const { seq } = await before.hears(named("task.submitted"));
    await make("b");
    const { seq: last } = await before.hears(() => before.heard.length === 2).then(() => before.heard[1]!);
    await crash("work");
    const after = await ear(listen(`?domain=work&since=${seq}`));
    await make("c");
    await after.hears(named("task.submitted"));
    expect(after.heard).toMatchObject([
      { event: "missed", from: seq + 1, to: last, seq: last, domain: "work" },
      { event: "task.submitted", label: "play c" },
    ]);
    expect(after.heard[1]!.seq).toBeGreaterThan(last);
    // Nobody who knew the last one has missed anything.
    const knowing = await ear(listen(`?domain=work&since=${last}`));
    await knowing.hears(named("task.submitted"));
    expect(names(knowing.heard)).toEqual(["task.submitted"]);
  });

  test("numbers grow over a restart even where the clock went back", async () => {
    const before = await ear(listen("?domain=work"));
    await make("a");
    const { seq } = await before.hears(named("task.submitted"));
    clock.advance(-86_400_000);
    try {
      await crash("work");
      const after = await ear(listen("?domain=work"));
      await make("b");
      expect((await after.hears(named("task.submitted"))).seq).toBe(seq + 1);
    } finally {
      clock.advance(86_400_000);
    }
  });

  test("a since from the future misses nothing of what comes", async () => {
    const one = await ear(listen(`?domain=work&since=${Number.MAX_SAFE_INTEGER}`));
    await make("next");
    expect(await one.hears(named("task.submitted"))).toMatchObject({ label: "play next" });
  });
});

describe("[events] Server-Sent Events", () => {
  test("each with its number as id; Last-Event-ID resumes", async () => {
    const first = await ear(stream("?domain=work"));
    expect(first.response.headers.get("content-type")).toBe("text/event-stream; charset=UTF-8");
    // No proxy on the way is to gather events, or to compress them.
    expect(first.response.headers.get("x-accel-buffering")).toBe("no");
    expect(first.response.headers.get("cache-control")).toBe("no-store, no-transform");
    await make("a");
    const { seq } = await first.hears(named("task.submitted"));
    await make("b");
    await first.hears(() => first.heard.length === 2);
    expect(first.lines[0]).toBe("retry: 1000");
    // Where it began: who loses the connection before the first event resumes from there.
    const place = /^id: (\d+)$/.exec(first.lines[1]!)![1];
    expect(first.lines[2]).toBe(`id: ${seq}\ndata: ${JSON.stringify(first.heard[0])}`);
    const from = await ear(stream("?domain=work", { "last-event-id": place! }));
    await from.hears(() => from.heard.length === 2);
    expect(from.heard).toEqual(first.heard);
    const again = await ear(stream("?domain=work", { "last-event-id": String(seq) }));
    expect(await again.hears(named("task.submitted"))).toMatchObject({ label: "play b" });
  });

  test("a reader who reads nothing holds up nobody, and learns what it missed", async () => {
    const { socket, heard, hears } = await ear(listen("?domain=work&event=task.submitted"));
    const response = await mill.fetch(
      new Request("http://mill/v1/events?domain=work"),
      { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env,
      { waitUntil: () => undefined, passThroughOnException: () => undefined } as unknown as ExecutionContext,
    );
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    await make("first");
    await hears(named("task.submitted"));
    const count = KEPT.events + 2_500;
    await burst(count);
    const events: MillEvent[] = [];
    for (let text = ""; events.at(-1)?.["count"] !== count - 1;) {
      text += (await reader.read()).value;
      const parts = text.split("\n\n");
      text = parts.pop()!;
      for (const part of parts) {
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (data !== undefined) events.push(JSON.parse(data) as MillEvent);
      }
    }
    await reader.cancel();
    expect(events[0]).toMatchObject({ event: "task.submitted" });
    // Nothing is lost without a word: where the count leaps, it was said that something is missing.
    let next = 0;
    let isExcused = false;
    for (const event of events.slice(1)) {
      if (event.event === "missed") isExcused = true;
      else {
        if (event["count"] !== next) expect(isExcused, `from ${next} to ${event["count"]}`).toBe(true);
        isExcused = false;
        next = (event["count"] as number) + 1;
      }
    }
    expect(names(events)).toContain("missed");
    expect(events.length).toBeGreaterThan(KEPT.events / 2);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(heard.length).toBeGreaterThan(0);
  });
});

describe("[events] WebSockets", () => {
  test("one that confirms gets a thousand beyond what it has read, and the rest when it has", async () => {
    const { socket, heard, hears } = await ear(listen("?domain=work&event=schedule.skipped"));
    socket.send(JSON.stringify({ ack: 0 }));
    socket.send("no JSON");
    await burst(1);
    const first = await hears(isLast(1));
    await burst(2_500);
    await until(
      () => heard.length,
      (length) => length >= 1_000,
    );
    await make();
    expect(heard.length).toBeLessThanOrEqual(1_001);
    const middle = heard.at(-1)!;
    expect(middle.seq).toBeGreaterThan(first.seq);
    for (let read = 0; read < 2_501; read = heard.length) {
      socket.send(JSON.stringify({ ack: heard.at(-1)!.seq }));
      await until(
        () => heard.length,
        (length) => length > read || length === 2_501,
      );
    }
    expect(heard.slice(1).map(({ count }) => count)).toEqual(Array.from({ length: 2_500 }, (_, index) => index));
  });

  test("one that falls behind what is kept is told exactly which events it missed", async () => {
    const { heard, hears } = await ear(listen("?domain=work&since=0"));
    const count = 3 * KEPT.events;
    await burst(count);
    await hears(isLast(count));
    const gaps = heard.filter(({ event }, index) => event === "missed" && index > 0);
    expect(gaps.length).toBeGreaterThan(0);
    for (const gap of gaps) {
      const at = heard.indexOf(gap);
      expect(gap).toMatchObject({ from: heard[at - 1]!.seq + 1, to: gap.seq });
      expect(heard[at + 1]!.seq).toBeGreaterThan(gap.seq);
    }
    // Where nothing is said to be missing, nothing is.
    const told = heard.slice(1);
    for (const [index, event] of told.entries())
      if (index > 0 && event.event !== "missed" && told[index - 1]!.event !== "missed")
        expect(event["count"]).toBe((told[index - 1]!["count"] as number) + 1);
  });

  test("rubbish is not answered, and costs nobody anything", async () => {
    const { socket, heard, hears } = await ear(listen("?domain=work"));
    const calm = await ear(listen("?domain=work"));
    const acks = ["null", '"1"', "1e300", "-1.5", "{}"].map((ack) => `{"ack":${ack}}`);
    for (const text of ["ping", "", "{", "null", "[]", ...acks, '{"__proto__":{"ack":1}}', "x".repeat(1_000_000)]) socket.send(text);
    socket.send(new Uint8Array(1_000_000));
    await make("still");
    await hears(named("task.submitted"));
    await calm.hears(named("task.submitted"));
    expect(heard).toHaveLength(1);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    const listening = () =>
      runInDurableObject(stub("work"), (object) => (object as unknown as { stream: { listening: number } }).stream.listening);
    const before = await listening();
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
    socket.close(4_001, "enough");
    expect(await closed).toMatchObject({ code: 4_001, wasClean: true });
    await until(listening, (count) => count === before - 1);
  });

  test("the token comes as a subprotocol, and millrace is what is selected", async () => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("s3cret~?")));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const tokens = { MILLRACE_TOKENS: JSON.stringify([{ name: "page", sha256, role: "viewer", domains: ["work"] }]) };
    const bindings = { ...env, ...tokens } as unknown as Cloudflare.Env;
    const encoded = btoa("s3cret~?").replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const protocol = { "sec-websocket-protocol": `millrace, bearer.${encoded}` };
    const { response, hears } = await ear(listen("?domain=work", protocol, bindings));
    expect(response.headers.get("sec-websocket-protocol")).toBe("millrace");
    await make();
    await hears(named("task.submitted"));
    const refused = (query: string, headers: Record<string, string>) => listen(query, headers, bindings).catch(String);
    expect(await refused("?domain=other", protocol)).toContain("403");
    expect(await refused("?task=other_1", protocol)).toContain("403");
    expect(await refused("?domain=work", { "sec-websocket-protocol": "millrace" })).toContain("401");
    expect(await refused("?domain=work", { "sec-websocket-protocol": "millrace, bearer.bm8" })).toContain("401");
    expect(await refused("?domain=work", { "sec-websocket-protocol": "millrace, bearer.%" })).toContain("401");
  });

  test("a page of another site gets no socket of an open mill", async () => {
    await expect(listen("?domain=work", { origin: "https://evil.example", host: "mill" })).rejects.toThrow("403");
    await ear(listen("?domain=work", { origin: "http://mill", host: "mill" }));
  });

  test("what is asked for wrongly is refused in words", async () => {
    for (const [query, status] of [
      ["?domain=ghost", 404],
      ["?task=work", 400],
      ["?domain=other&task=work_1", 400],
      ["?event=task.complete", 400],
      ["?since=yesterday", 400],
      ["?since=99999999999999999", 400],
      ["?tag=red", 400],
      ["?colour=red", 400],
    ] as const)
      expect(await listen(query).catch(String), query).toContain(String(status));
  });
});

describe("[events] hibernation", () => {
  test("one that has no room for what came is told what it missed when the object has slept meanwhile", async () => {
    const { socket, heard, hears } = await ear(listen("?domain=work"));
    socket.send(JSON.stringify({ ack: 0 }));
    await make("opens");
    await hears(named("task.submitted"));
    const count = 1_100;
    await workQ.submitAll(Array.from({ length: count }, (_, n) => ({ type: "plain", payload: { n } }) as const));
    await until(
      () => workQ.count({ type: "plain", status: "completed" }),
      (ended) => ended === count,
    );
    await until(
      () => heard.length,
      (length) => length === 1_000,
    );
    const last = heard.at(-1)!.seq;
    const { cursor, end } = await runInDurableObject(stub("work"), (object) => {
      const { stream: events } = object as unknown as { stream: { sockets: Map<WebSocket, { cursor: number }>; ring: { last: number } } };
      return { cursor: [...events.sockets.values()].at(-1)!.cursor, end: events.ring.last };
    });
    expect(cursor).toBeLessThan(end);
    await evictDurableObject(stub("work"), { webSockets: "hibernate" });
    socket.send(JSON.stringify({ ack: last }));
    const missed = await hears(named("missed"));
    expect(missed).toMatchObject({ from: last + 1, to: missed.seq });
    expect(missed.seq).toBeGreaterThanOrEqual(end);
    const { id } = await make("after");
    await hears(({ task }) => task === id);
    expect(heard.filter(named("missed"))).toHaveLength(1);
  });

  test("a thousand sockets sleep with the object, which keeps no timer for them, and hear what comes", async () => {
    const count = 1_000;
    const opened = await Promise.all(Array.from({ length: count }, (_, index) => listen(`?domain=work&tag=n:${index % 10}`)));
    ears.push(...opened);
    const births = () => runInDurableObject(stub("work"), (object) => (object as unknown as { stream: object }).stream);
    const life = await births();
    // The platform puts it to sleep only when nothing of it is pending: no request, no timer, no socket of its own.
    await evictDurableObject(stub("work"), { webSockets: "hibernate" });
    expect(opened.every(({ socket }) => socket.readyState === WebSocket.OPEN)).toBe(true);
    await workQ.submit("play", { do: "ok", name: "wakes" }, { tags: { n: "3" }, ...later });
    expect(await births()).not.toBe(life);
    const told = opened.filter((_, index) => index % 10 === 3);
    await until(
      () => told.filter(({ heard }) => heard.length > 0).length,
      (number) => number === told.length,
    );
    expect(told[0]!.heard).toMatchObject([{ event: "task.submitted", label: "play wakes", tags: { n: "3" } }]);
    expect(opened.filter(({ heard }) => heard.length > 0)).toHaveLength(count / 10);
  }, 30_000);
});

describe("[events] what runs", () => {
  test("[progress] one event in 250 ms, the latest", async () => {
    const { heard, hears } = await ear(listen("?domain=work&event=task.progress&event=task.completed"));
    await workQ.submit("play", { do: "progress", name: "steps" });
    await hears(named("task.progress"));
    gate("steps").open();
    await hears(named("task.completed"));
    const progress = heard.filter(named("task.progress"));
    expect(progress[0]).toMatchObject({ type: "play", progress: { fraction: expect.any(Number) } });
    const times = progress.map(({ at }) => Date.parse(at));
    for (const [index, at] of times.entries()) if (index > 0) expect(at - times[index - 1]!).toBeGreaterThanOrEqual(250);
  });

  test("the mill's pause is news in every domain, and the mill's own", async () => {
    const domain = await ear(listen("?domain=work"));
    const whole = await ear(listen());
    await make();
    await domain.hears(named("task.submitted"));
    await mill.pause();
    await mill.group("acme").pause({ until: new Date(clock.now() + 60_000) });
    await mill.group("acme").resume();
    await mill.resume();
    await mill.group("acme").set({ maxConcurrency: 2 });
    const changed = await whole.hears(named("group.changed"));
    expect(changed).toMatchObject({ domain: null, group: "acme", maxConcurrency: 2 });
    expect(names(whole.heard).filter((name) => !name.startsWith("task."))).toEqual([
      "mill.paused",
      "group.paused",
      "group.resumed",
      "mill.resumed",
      "group.changed",
    ]);
    expect(whole.heard.find(named("group.paused"))).toMatchObject({ group: "acme", until: expect.stringMatching(/Z$/) });
    await reachCoordinator(clock).snapshot();
    await mill.group("acme").set({ maxConcurrency: null });
  });
});
