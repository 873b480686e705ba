const SECONDS = /^\d{1,10}$/;
/** The three forms of an HTTP date (RFC 9110, 5.6.7); `Date.parse` alone would also take "tomorrow"-like texts of an engine's own. */
const FIXDATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const RFC850 = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * How long a `Retry-After` header asks to wait, in milliseconds: seconds or an HTTP date, at most `capMs`.
 * Undefined when there is none, it cannot be read, or it has passed: the type's own backoff applies then, so
 * that `Retry-After: 0` does not turn into a hot loop.
 */
export function parseRetryAfter(header: string | null, now: number, capMs: number): number | undefined {
  const text = header?.trim() ?? "";
  const waitMs = SECONDS.test(text) ? Number(text) * 1_000 : dateOf(text) - now;
  return waitMs > 0 ? Math.min(waitMs, capMs) : undefined;
}

function dateOf(text: string): number {
  if (FIXDATE.test(text) || RFC850.test(text)) return Date.parse(text);
  // This form names no zone; it is UTC by definition.
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
