import { fail } from "../policy/errors.ts";
import type { AuthEnv, Identity } from "./auth.ts";

interface RateLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** The platform counts in periods of 10 s or 60 s and does not say which: after the shorter it is worth asking again. */
const RETRY_AFTER_MS = 10_000;

/**
 * Holds each token to the limit of the platform's rate limiting binding `MILLRACE_RATE_LIMIT`, where there is one.
 *
 * @throws `too_many_requests`
 */
export async function throttle({ MILLRACE_RATE_LIMIT: limiter }: AuthEnv, identity: Identity): Promise<void> {
  if (!isLimiter(limiter)) return;
  const { success } = await limiter.limit({ key: `token/${identity.name}` });
  if (success) return;
  throw fail(
    "too_many_requests",
    `The token ${identity.name} has sent more requests than this mill allows it; ask again after Retry-After.`,
    {
      retryAfterMs: RETRY_AFTER_MS,
    },
  );
}

function isLimiter(value: unknown): value is RateLimiter {
  return typeof value === "object" && value !== null && typeof (value as Partial<RateLimiter>).limit === "function";
}
