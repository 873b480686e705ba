import type { Clock } from "../clock.ts";
import type { MillEvent, Place } from "../policy/events/event.ts";
import { MillraceError } from "../policy/errors.ts";
import { abortable } from "./abort.ts";

const RETRY_MS = 250;
const RETRY_MAX_MS = 10_000;

/** One connection's events, until it breaks. */
type Feed = (since: number | undefined) => Promise<AsyncIterable<MillEvent | Place>>;

/**
 * Events over connections that break: each goes on after the last event of the one before.
 *
 * @throws what refuses for good; the signal's reason
 */
export async function* follow(
  open: Feed,
  { since: first, signal, clock }: { since?: number | undefined; signal?: AbortSignal | undefined; clock: Clock },
): AsyncGenerator<MillEvent, void, undefined> {
  let since = first;
  for (let failed = 0; ; failed += 1) {
    signal?.throwIfAborted();
    try {
      for await (const told of await abortable(open(since), signal)) {
        since = told.seq;
        if (told.event === undefined) continue;
        failed = 0;
        yield told;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (MillraceError.is(error) && !isPassing(error)) throw error;
    }
    const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failed) * (0.5 + clock.random() / 2);
    await abortable(clock.sleep(wait, signal), signal);
  }
}

const isPassing = ({ code }: MillraceError): boolean =>
  code === "domain_unreachable" || code === "overloaded" || code === "too_many_requests";

/** The events of a `text/event-stream`; an id alone is a place in it. */
export async function* readStream(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<MillEvent | Place, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal);
      if (done) return;
      const texts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = texts.pop()!;
      for (const text of texts) {
        const [seq, data] = [/^id: ?(\d+)$/m, /^data: ?(.*)$/m].map((line) => line.exec(text)?.[1]);
        if (data !== undefined) yield JSON.parse(data) as MillEvent;
        else if (seq !== undefined) yield { seq: Number(seq) };
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
