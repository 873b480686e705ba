import { type Clock, systemClock } from "../../src/clock.ts";

let offsetMs = 0;

/** The platform's clock, which a test can put forward; timers and chance stay real. */
export const clock: Clock & { advance(ms: number): void } = {
  ...systemClock,
  now: () => systemClock.now() + offsetMs,
  advance: (ms) => {
    offsetMs += ms;
  },
};
