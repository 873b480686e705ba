import { type Clock, systemClock } from "../clock.ts";
import type { EventFilter } from "../policy/events/filter.ts";
import { fail } from "../policy/errors.ts";
import { COORDINATOR, namespace, repeat } from "./reach.ts";

/**
 * A socket from the object whose events are asked for: of a domain, or (null) of the mill. Not accepted yet; it may be handed on.
 *
 * @param since the last event that is known: those after it come first, as far as they are kept
 * @param confirms the caller says by `{"ack": seq}` how far it has read, and gets no more than 1,000 events beyond it
 * @throws `domain_unreachable`, `overloaded`; `too_many_requests` beyond 30,000 listeners
 */
export async function listenTo(
  domain: string | null,
  filter: EventFilter,
  since: number | undefined,
  confirms: boolean,
  clock: Clock = systemClock,
): Promise<WebSocket> {
  const url = new URL("https://millrace/events");
  url.searchParams.set("filter", JSON.stringify(filter));
  if (since !== undefined) url.searchParams.set("since", String(since));
  if (confirms) url.searchParams.set("confirms", "1");
  const [who, of, name] =
    domain === null
      ? (["the coordinator", "MillCoordinator", COORDINATOR] as const)
      : ([`the domain ${domain}`, "MillDomain", domain] as const);
  const ask = (): Promise<Response> => (namespace(of).getByName(name) as Fetcher).fetch(url.href, { headers: { upgrade: "websocket" } });
  const { webSocket, status } = await repeat(ask, who, clock);
  if (webSocket) return webSocket;
  if (status === 429) throw fail("too_many_requests", `Too many listen to ${who} already; close some, or ask for lists now and then.`);
  throw fail("internal", `${who} took no listener (status ${status}).`);
}
