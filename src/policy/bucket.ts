import type { Rate } from "./rate.ts";

/** A token bucket as it is kept: so many tokens were left at that moment (epoch ms). None kept: it is full. */
export type Bucket = readonly [level: number, at: number];

/** Sums of parts of tokens miss a whole one by a rounding error. */
const ROUNDING = 1e-6;

const levelAt = (bucket: Bucket | undefined, { permits, perMs, burst }: Rate, now: number): number => {
  if (bucket === undefined) return burst;
  const [level, at] = bucket;
  // A clock that went back fills nothing, and empties nothing either.
  return Math.min(burst, level + (Math.max(0, now - at) * permits) / perMs);
};

/** Whole tokens at `now` (ms). */
export function tokensIn(bucket: Bucket | undefined, rate: Rate, now: number): number {
  return Math.max(0, Math.floor(levelAt(bucket, rate, now) + ROUNDING));
}

/**
 * The bucket without `count` tokens, which the caller has seen in it; a negative count gives back what was not used after all.
 *
 * @example `const left = takeTokens(undefined, { permits: 2, perMs: 1000, burst: 2 }, 1, Date.now()) // one is left`
 */
export function takeTokens(bucket: Bucket | undefined, rate: Rate, count: number, now: number): Bucket {
  return [Math.min(rate.burst, levelAt(bucket, rate, now) - count), now];
}

/** Under another rate from `now` on: what is in it stays, as far as the new burst holds it. */
export function refit(bucket: Bucket | undefined, before: Rate, after: Rate, now: number): Bucket {
  return [Math.min(after.burst, levelAt(bucket, before, now)), now];
}

/** When there is a token (epoch ms); not after `now` where there is one. */
export function opensAt(bucket: Bucket | undefined, rate: Rate, now: number): number {
  const missing = 1 - levelAt(bucket, rate, now);
  return missing <= ROUNDING ? now : now + Math.max(1, Math.ceil(((missing - ROUNDING) * rate.perMs) / rate.permits));
}
