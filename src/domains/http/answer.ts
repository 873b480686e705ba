import type { Clock } from "../../clock.ts";

/** How much of an answer is kept, in bytes. */
const ANSWER_BYTES_MAX = 2_048;
/** The status has arrived, so the delivery has; a body that drips is not waited for. */
const ANSWER_WAIT_MS = 5_000;

/** The first bytes of an answer, as text. */
export interface AnswerHead {
  text: string;
  /** Whether there was, or may have been, more. */
  truncated: boolean;
}

/** Reads the first 2 KB of a body, for at most five seconds, and lets go of the rest. Never throws. */
export async function readHead(response: Response, clock: Pick<Clock, "after">): Promise<AnswerHead> {
  if (!response.body) return { text: "", truncated: false };
  const reader = response.body.getReader();
  let late = false;
  const stopWaiting = clock.after(ANSWER_WAIT_MS, () => {
    late = true;
    void reader.cancel().catch(() => {});
  });
  const head = new Uint8Array(ANSWER_BYTES_MAX);
  let length = 0;
  let truncated = false;
  try {
    while (!truncated) {
      const { done, value } = await reader.read();
      if (done) break;
      const taken = value.subarray(0, ANSWER_BYTES_MAX - length);
      head.set(taken, length);
      length += taken.length;
      truncated = taken.length < value.length;
    }
  } catch {
    truncated = true;
  } finally {
    stopWaiting();
    void reader.cancel().catch(() => {});
  }
  // `stream` leaves out a character that the cut went through.
  return { text: new TextDecoder().decode(head.subarray(0, length), { stream: truncated }), truncated: truncated || late };
}
