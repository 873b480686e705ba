import { type EventName, EVENTS, type MillEvent } from "../policy/events/event.ts";
import type { EventFilter } from "../policy/events/filter.ts";
import { fail } from "../policy/errors.ts";
import { parseTaskId } from "../policy/ids.ts";
import { didYouMean, isTypeName, TYPE_NAME_RULE } from "../policy/names.ts";
import { checkTags } from "./tags.ts";

/** Which events; everything given must match. */
export interface EventQuery<Type extends string = string> {
  /** These alone. */
  events?: readonly EventName[];
  /** Of tasks of this type. */
  type?: Type;
  /** The id of one task. */
  task?: string;
  /** Of tasks that have all of them. */
  tags?: Record<string, string>;
  /** The `seq` of the last event that is known: what came after it is told first, as far as it is kept. */
  since?: number;
  /** Ends the loop, with its reason. */
  signal?: AbortSignal;
}

/** What happens, as it happens. */
export interface EventVerbs<Type extends string = string> {
  /**
   * What happens from now on, or since an event that is known, in order. A connection that breaks is made again, and goes on
   * where it was; what is no longer kept by then is told as `missed` (`from`, `to`). It goes on for ever: leave the loop, or
   * give a signal.
   *
   * @throws `invalid_request`, `unauthenticated`, `forbidden`, `too_many_requests`; the signal's reason
   * @example `for await (const { event, task } of media.events({ events: ["task.failed"] })) console.warn(event, task);`
   */
  events(query?: EventQuery<Type>): AsyncIterable<MillEvent>;
}

/**
 * What somebody asks to hear, checked.
 *
 * @throws `invalid_request`, `invalid_tag`
 */
export function readEventQuery(
  { events, type, task, tags, since }: EventQuery,
  domain: string | null,
): { filter: EventFilter; since?: number } {
  const filter: EventFilter = {};
  if (events) filter.events = [...new Set(events.map(readName))];
  if (type !== undefined) {
    if (!isTypeName(type)) throw refuse("type", `The name of a type is ${TYPE_NAME_RULE}; got ${show(type)}.`);
    filter.type = type;
  }
  if (task !== undefined) {
    const id = parseTaskId(task);
    if (!id) throw refuse("task", `task must be the id of a task such as media_17; got ${show(task)}.`);
    if (domain !== null && id.domain !== domain) throw refuse("task", `${task} is no task of the domain ${domain}.`);
    filter.task = task;
  }
  if (tags) filter.tags = Object.entries(checkFilterTags(tags));
  if (since === undefined) return { filter };
  if (!Number.isSafeInteger(since) || since < 0) throw refuse("since", `since must be the seq of an event; got ${show(since)}.`);
  return { filter, since };
}

/** `_domain` may be asked for, though it cannot be set. */
function checkFilterTags(tags: Record<string, string>): Record<string, string> {
  const { _domain: _, ...own } = tags;
  checkTags(own);
  return tags;
}

function readName(name: EventName): EventName {
  if (EVENTS.includes(name)) return name;
  const hint = didYouMean(String(name), EVENTS);
  throw refuse(
    "event",
    `There is no event ${show(name)}${hint === undefined ? `; there are ${EVENTS.join(", ")}.` : `; did you mean ${hint}?`}`,
  );
}

const refuse = (path: string, message: string): Error => fail("invalid_request", message, { issues: [{ path, message }] });

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
