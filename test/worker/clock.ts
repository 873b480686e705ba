import { type Clock, systemClock } from "../../src/clock.ts";

let offsetMs = 0;
/** Set: time stands still but for `advance`, and timers follow it. */
let standing: number | undefined;

/** Set: `now` stands still, timers do not. */
let frozenAt: number | undefined;

/** How often a timer looks whether a clock that stands still has been put forward to its moment. */
const LOOK_MS = 1;

function after(ms: number, action: () => void): () => void {
  if (standing === undefined) return systemClock.after(ms, action);
  const at = clock.now() + ms;
  let stop = (): void => undefined;
  const look = (): void => {
    // Looked at, not told: the runtime lets no request ring the timers of another.
    stop = systemClock.after(LOOK_MS, () => (clock.now() >= at ? action() : look()));
  };
  look();
  return () => stop();
}

/** The platform's clock, which a test can put forward, or take over; chance stays real. */
export const clock: Clock & { advance(ms: number): void; takeOver(): void; freeze(): void; thaw(): void } = {
  ...systemClock,
  now: () => (standing ?? frozenAt ?? systemClock.now()) + offsetMs,
  after,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = after(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      const abort = (): void => {
        stop();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
    }),
  advance: (ms) => {
    offsetMs += ms;
  },
  /** Until `thaw` everything happens at one moment, however slow the machine. */
  freeze: () => {
    frozenAt = systemClock.now();
  },
  thaw: () => {
    frozenAt = undefined;
  },
  /** From here on time passes by `advance` alone, for timers too. Call it before the first object wakes. A day ahead, so that no alarm rings by itself. */
  takeOver: () => {
    standing ??= systemClock.now();
    offsetMs += 86_400_000;
  },
};
