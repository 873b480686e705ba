import type { Instant, ListQuery } from "../domains/handle.ts";

/** A query of a list as URL parameters. */
export function search({ status, tags, since, until, ...rest }: ListQuery): URLSearchParams {
  const query = new URLSearchParams();
  for (const one of status === undefined ? [] : typeof status === "string" ? [status] : status) query.append("status", one);
  for (const [key, value] of Object.entries(tags ?? {})) query.append("tag", `${key}:${value}`);
  for (const [name, at] of Object.entries({ since, until })) if (at !== undefined) query.set(name, instantText(at));
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) query.set(name, String(value));
  return query;
}

/** A moment as the API takes it. */
export const instantText = (at: Instant): string => (typeof at === "string" ? at : new Date(at).toISOString());
