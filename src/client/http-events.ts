import type { EventQuery, EventVerbs } from "../domains/events.ts";
import { eitherOf } from "./abort.ts";
import { follow, readStream } from "./follow.ts";
import type { Http } from "./http.ts";

/** Events of a domain, or (null) of the mill, over HTTP; what is asked for is checked there. */
export const httpEvents = (domain: string | null, http: Http): EventVerbs => ({
  events: (query: EventQuery = {}) => {
    const signal = eitherOf(query.signal, http.signal);
    const open = async (since: number | undefined) =>
      readStream(await http.stream("/v1/events", searchOf(domain, query, since), signal), signal);
    return follow(open, { since: query.since, signal, clock: http.clock });
  },
});

function searchOf(domain: string | null, { events = [], type, task, tags = {} }: EventQuery, since: number | undefined): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ domain: domain ?? undefined, type, task, since }))
    if (value !== undefined) search.set(name, String(value));
  for (const event of events) search.append("event", event);
  for (const [key, value] of Object.entries(tags)) search.append("tag", `${key}:${value}`);
  return search;
}
