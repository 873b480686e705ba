import { describe, expect, it } from "vitest";
import { follow, readStream } from "../../src/client/follow.ts";
import { systemClock } from "../../src/clock.ts";
import type { MillEvent, Place } from "../../src/policy/events/event.ts";
import { fail } from "../../src/policy/errors.ts";

const clock = { ...systemClock, random: () => 0, sleep: async () => undefined };
const event = (seq: number): MillEvent => ({ seq, at: "", event: "task.started", domain: "work" });

async function* feed(...seqs: number[]): AsyncGenerator<MillEvent> {
  for (const seq of seqs) yield event(seq);
}

async function first(events: AsyncIterable<MillEvent | Place>, count: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of events) if (seqs.push(seq) >= count) break;
  return seqs;
}

describe("[events] a loop over connections that break", () => {
  it("goes on after the last event, from the next connection", async () => {
    const asked: (number | undefined)[] = [];
    const feeds = [
      () => feed(1, 2),
      () => feed(),
      () => Promise.reject(fail("domain_unreachable", "")),
      () => Promise.reject(new Error("reset")),
      () => feed(3, 4),
    ];
    const open = async (since: number | undefined) => (asked.push(since), feeds.shift()!());
    expect(await first(follow(open as never, { clock }), 4)).toEqual([1, 2, 3, 4]);
    expect(asked).toEqual([undefined, 2, 2, 2, 2]);
  });

  it("a connection that breaks before there was an event: goes on from where it began", async () => {
    const asked: (number | undefined)[] = [];
    const feeds: (MillEvent | Place)[][] = [[{ seq: 40 }], [], [event(41)]];
    const open = async (since: number | undefined) => (
      asked.push(since),
      (async function* () {
        yield* feeds.shift()!;
      })()
    );
    expect(await first(follow(open, { clock }), 1)).toEqual([41]);
    expect(asked).toEqual([undefined, 40, 40]);
  });

  it("begins after since, and waits longer each time that nothing comes", async () => {
    const waits: number[] = [];
    const feeds = [feed(), feed(), feed(), feed(8), feed(), feed(9)];
    const slow = { ...clock, sleep: async (ms: number) => void waits.push(ms) };
    const asked: (number | undefined)[] = [];
    const open = async (since: number | undefined) => (asked.push(since), feeds.shift()!);
    expect(await first(follow(open, { since: 7, clock: slow }), 2)).toEqual([8, 9]);
    expect(asked).toEqual([7, 7, 7, 7, 8, 8]);
    expect(waits).toEqual([125, 250, 500, 125, 250]);
  });

  it("ends with what refuses for good", async () => {
    const open = () => Promise.reject(fail("forbidden", "no"));
    await expect(first(follow(open, { clock }), 1)).rejects.toMatchObject({ code: "forbidden" });
  });

  it("ends with the signal's reason, also while nothing comes", async () => {
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<MillEvent | Place> {
      yield* feed(1);
      controller.abort(new Error("enough"));
      yield* readStream(new ReadableStream(), controller.signal);
    }
    const seen: number[] = [];
    const loop = async () => {
      for await (const { seq } of follow(async () => silent(), { signal: controller.signal, clock })) seen.push(seq);
    };
    await expect(loop()).rejects.toThrow("enough");
    expect(seen).toEqual([1]);
  });
});

describe("[events] the text of a stream", () => {
  it("is read whatever its pieces are, comments and pauses left out", async () => {
    const text = `retry: 1000\n\nid: 0\n\n: here\n\nid: 1\ndata: ${JSON.stringify({ ...event(1), label: "ä\n\n" })}\n\nid: 2\ndata: ${JSON.stringify(event(2))}\n\n`;
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 7, bytes.length]) {
      let at = 0;
      let isCancelled = false;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, (at += size)));
        },
        cancel: () => void (isCancelled = true),
      });
      const events: (MillEvent | Place)[] = [];
      for await (const one of readStream(body, undefined)) events.push(one);
      expect(events).toEqual([{ seq: 0 }, { ...event(1), label: "ä\n\n" }, event(2)]);
      expect(isCancelled).toBe(false);
    }
  });

  it("is let go when the loop is left", async () => {
    let isCancelled = false;
    const bytes = new TextEncoder().encode(`data: ${JSON.stringify(event(1))}\n\n`);
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes),
      cancel: () => void (isCancelled = true),
    });
    expect(await first(readStream(body, undefined), 1)).toEqual([1]);
    await Promise.resolve();
    expect(isCancelled).toBe(true);
  });
});
