import { type Duration, parseDuration } from "./duration.ts";
import { fail, type MillraceError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { didYouMean, isTypeName, TYPE_NAME_RULE } from "./names.ts";
import { SERIES, SERIES_MINUTES, type SeriesName } from "./series.ts";
import { utf8Bytes } from "./text.ts";

// What may be asked for beside tasks, judged once for HTTP and TypeScript alike.
const MINUTE_MS = 60_000;

/**
 * Which figures, all of them by default, and in what steps: whole minutes that divide an hour, one by default.
 *
 * @throws `invalid_request`
 */
export function parseSeries(metrics: readonly unknown[] | undefined, step: unknown): { metrics: SeriesName[]; stepMs: number } {
  const stepMs = step === undefined ? MINUTE_MS : parseDuration(step as Duration, "step");
  if (!Number.isInteger(SERIES_MINUTES / (stepMs / MINUTE_MS)) || stepMs < MINUTE_MS)
    throw refuse("step", 'step must be whole minutes that divide an hour, such as "1m", "5m" or "15m".');
  return { metrics: metrics === undefined ? [...SERIES] : [...new Set(metrics.map(seriesName))], stepMs };
}

function seriesName(given: unknown): SeriesName {
  const name = SERIES.find((one) => one === given);
  if (name) return name;
  const hint = typeof given === "string" ? didYouMean(given, SERIES) : undefined;
  throw refuse(
    "metric",
    `There is no metric ${show(given)}; ${hint ? `did you mean "${hint}"?` : `there are ${SERIES.join(", ")}.`}`,
    hint,
  );
}

/** The beginning of a tag's key. @throws `invalid_request` */
export const parseTagPrefix = (given: unknown, path: string): string => tagText(given, path, LIMITS.tagKeyBytesMax);

function tagText(given: unknown, path: string, most: number): string {
  if (typeof given === "string" && given !== "" && utf8Bytes(given) <= most) return given;
  throw refuse(path, `${path} must be text of 1 to ${most} bytes.`);
}

/** Failures of one type, or of all. @throws `invalid_request` */
export function parseFailureType(given: unknown): string {
  if (typeof given === "string" && isTypeName(given)) return given;
  throw refuse("type", `The name of a type is ${TYPE_NAME_RULE}; got ${show(given)}.`);
}

/** How many items, 1 to 500. @throws `invalid_request` */
export function parseLimit(given: unknown): number {
  if (given === undefined) return LIMITS.pageDefault;
  if (typeof given === "number" && Number.isInteger(given) && given >= 1 && given <= LIMITS.pageMax) return given;
  throw refuse("limit", `limit must be an integer from 1 to ${LIMITS.pageMax}; got ${show(given)}.`);
}

function refuse(path: string, message: string, hint?: string): MillraceError {
  return fail("invalid_request", message, { ...(hint === undefined ? {} : { didYouMean: hint }), issues: [{ path, message }] });
}

const show = (value: unknown): string => String(JSON.stringify(value) ?? value).slice(0, 60);
