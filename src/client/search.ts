import type { Instant, ListQuery } from "../domains/handle.ts";
import { fail } from "../policy/errors.ts";

/** A query of a list, or of another look, as URL parameters. */
export function search({
  status,
  tags,
  since,
  until,
  ...rest
}: ListQuery & { prefix?: string | undefined; step?: unknown }): URLSearchParams {
  const query = new URLSearchParams();
  for (const one of status === undefined ? [] : typeof status === "string" ? [status] : status) query.append("status", one);
  for (const [key, value] of Object.entries(tags ?? {})) query.append("tag", `${key}:${value}`);
  for (const [name, at] of Object.entries({ since, until })) if (at !== undefined) query.set(name, instantText(at));
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) query.set(name, String(value));
  return query;
}

/** A moment as the API takes it; whether text is one is judged there. @throws `invalid_request` for a date that is none */
export function instantText(at: Instant): string {
  if (typeof at === "string") return at;
  const date = new Date(at);
  if (Number.isFinite(date.getTime())) return date.toISOString();
  throw fail("invalid_request", `${String(at)} is no moment.`);
}
