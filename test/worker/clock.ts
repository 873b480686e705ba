import { type Clock, systemClock } from "../../src/clock.ts";

let offsetMs = 0;
let frozenAt: number | undefined;
let follows = false;

/** How often a timer looks whether the clock that it follows has come to its moment. */
const LOOK_MS = 2;

/** Like `systemClock.after`, but the moment is the test clock's: putting the clock forward rings it. */
function after(ms: number, action: () => void): () => void {
  if (!follows) return systemClock.after(ms, action);
  const at = clock.now() + ms;
  let stop = (): void => undefined;
  const look = (): void => {
    // Looked at, not told: the runtime lets one request not ring the timers of another.
    stop = systemClock.after(Math.max(0, Math.min(LOOK_MS, at - clock.now())), () => (clock.now() >= at ? action() : look()));
  };
  look();
  return () => stop();
}

/** The platform's clock, which a test can put forward or hold; chance stays real, timers do unless a test lets them follow. */
export const clock: Clock & { advance(ms: number): void; follow(): void } = {
  ...systemClock,
  now: () => (frozenAt ?? systemClock.now()) + offsetMs,
  freeze: () => {
    frozenAt = systemClock.now();
  },
  thaw: () => {
    frozenAt = undefined;
  },
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
  /** From here on timers follow this clock. */
  follow: () => {
    follows = true;
  },
};
