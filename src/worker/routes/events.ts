import { findDomain } from "../../domains/find.ts";
import { EVENTS, type EventName } from "../../policy/events/event.ts";
import type { EventFilter } from "../../policy/events/filter.ts";
import { fail, type MillraceError } from "../../policy/errors.ts";
import { parseTaskId } from "../../policy/ids.ts";
import { didYouMean } from "../../policy/names.ts";
import { requireDomain } from "../auth.ts";
import { HEADERS } from "../problem.ts";
import { first, type QueryShape, readTags, readType } from "../query.ts";
import type { Call, Route } from "../route.ts";
import { eventStream } from "../sse.ts";

const eventQuery: QueryShape = { once: ["domain", "type", "task", "since"], many: ["event", "tag"] };

/** A proxy that gathers, or compresses, holds events back. */
const UNBUFFERED = { "cache-control": "no-store, no-transform", "x-accel-buffering": "no" };

export const eventRoutes: Route[] = [{ method: "GET", path: "/v1/events", role: "viewer", query: eventQuery, answer: listen }];

/** A domain's stream where one is named, by itself or by a task; else the mill's. */
async function listen(call: Call): Promise<Response> {
  const { context, options, clock } = call;
  const { domain, filter, since } = read(call);
  if (!options.listen) throw fail("not_implemented", "This gateway was made without a way to listen.");
  const headers = { ...HEADERS, ...UNBUFFERED, "content-type": "text/event-stream; charset=UTF-8" };
  if (context.req.raw.method === "HEAD") return new Response(null, { headers });
  if (!isUpgrade(context.req.raw)) return new Response(eventStream(await options.listen(domain, filter, since, true), clock), { headers });
  const webSocket = await options.listen(domain, filter, since, false);
  // A browser that offers protocols gives up unless one of them is selected.
  const offered = (context.req.header("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim());
  return new Response(null, {
    status: 101,
    webSocket,
    headers: offered.includes("millrace") ? { "sec-websocket-protocol": "millrace" } : {},
  });
}

const isUpgrade = (request: Request): boolean => request.headers.get("upgrade")?.toLowerCase() === "websocket";

function read({ registry, identity, given, context }: Call): { domain: string | null; filter: EventFilter; since: number | undefined } {
  const filter: EventFilter = {};
  const task = first(given, "task");
  const id = task === undefined ? undefined : parseTaskId(task);
  if (id === null) throw refuse("task", "task must be the id of a task such as media_17.");
  if (task !== undefined) filter.task = task;
  const domain = first(given, "domain") ?? id?.domain;
  if (domain !== undefined) {
    requireDomain(identity, domain.slice(0, 100));
    findDomain(registry, domain);
    if (id && id.domain !== domain) throw refuse("task", `${task} is no task of the domain ${domain}; leave one of the two out.`);
  } else if (identity.domains !== null) filter.domains = [...identity.domains];
  if (identity.domains !== null) filter.groups = false;
  const type = first(given, "type");
  if (type !== undefined) filter.type = readType(type);
  const tags = given.get("tag");
  if (tags) filter.tags = readTags(tags);
  const events = given.get("event");
  if (events) filter.events = [...new Set(events.map(readEvent))];
  return { domain: domain ?? null, filter, since: readSince(first(given, "since") ?? context.req.header("last-event-id")) };
}

/** A browser that comes back names the last event that it has got, in the header. */
function readSince(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const since = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(since)) return since;
  throw refuse("since", "since, and Last-Event-ID, must be the seq of an event.");
}

function readEvent(text: string): EventName {
  if ((EVENTS as readonly string[]).includes(text)) return text as EventName;
  const hint = didYouMean(text, EVENTS);
  throw refuse(
    "event",
    `There is no event ${JSON.stringify(text.slice(0, 60))}${hint === undefined ? `; there are ${EVENTS.join(", ")}.` : `; did you mean ${hint}?`}`,
  );
}

const refuse = (path: string, message: string): MillraceError => fail("invalid_request", message, { issues: [{ path, message }] });
