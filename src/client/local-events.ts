import { type EventQuery, type EventVerbs, readEventQuery } from "../domains/events.ts";
import type { Clock } from "../clock.ts";
import type { EventFilter } from "../policy/events/filter.ts";
import { fail } from "../policy/errors.ts";
import { eitherOf } from "./abort.ts";
import { follow } from "./follow.ts";
import { readSocket } from "./follow-socket.ts";

/** A socket from the object whose events are asked for: `listenTo` of `durable/listen.ts`. */
export type Listen = (domain: string | null, filter: EventFilter, since: number | undefined, confirms: boolean) => Promise<WebSocket>;

const nowhere: Listen = () => {
  throw fail("invalid_state", "Events go on for ever, and a cron tick does not: follow them in a request, or in a task.");
};

/** Events of a domain, or (null) of the mill, from within the Worker. */
export const localEvents = (domain: string | null, listen: Listen = nowhere, clock: Clock, bound?: AbortSignal): EventVerbs => ({
  events: (query: EventQuery = {}) => {
    const { filter, since } = readEventQuery(query, domain);
    const signal = eitherOf(query.signal, bound);
    return follow(async (after) => readSocket(await listen(domain, filter, after, true), signal), { since, signal, clock });
  },
});
