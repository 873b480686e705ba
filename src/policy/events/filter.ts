import { parseTaskId } from "../ids.ts";
import type { EventName, MillEvent } from "./event.ts";

/** Which events of a stream somebody wants; what is absent takes all. */
export interface EventFilter {
  events?: EventName[];
  /** Of these domains, and the mill's own. */
  domains?: string[];
  /** False: what is said of groups is kept back; they reach over all domains. */
  groups?: false;
  type?: string;
  /** Full id. */
  task?: string;
  /** All of them, `[key, value]`. */
  tags?: [key: string, value: string][];
}

/**
 * Whether an event passes. With a type, a task or tags only events of tasks do; `missed` of these domains always does.
 *
 * @param common the tags that every task of that domain has
 */
export function passes(event: MillEvent, filter: EventFilter, common: (domain: string | null) => Record<string, string>): boolean {
  const { events, domains, groups, type, task, tags } = filter;
  if (domains && event.domain !== null && !domains.includes(event.domain)) return false;
  if (event.event === "missed") return true;
  if (events && !events.includes(event.event)) return false;
  if (groups === false && event.event.startsWith("group.")) return false;
  if (type !== undefined && event.type !== type && !Object.hasOwn(event.types ?? {}, type)) return false;
  if (task !== undefined && event.task !== task && !isAmong(event, task)) return false;
  if (!tags) return true;
  if (event.task === undefined && event.types === undefined) return false;
  const all = { ...common(event.domain), ...event.tags };
  return tags.every(([key, value]) => Object.hasOwn(all, key) && all[key] === value);
}

/** Ids are dense: a batch has taken in all between its first and its last. */
function isAmong({ first, last }: MillEvent, task: string): boolean {
  const [from, to, asked] = [parseTaskId(first), parseTaskId(last), parseTaskId(task)];
  return from !== null && to !== null && asked?.domain === from.domain && asked.counter >= from.counter && asked.counter <= to.counter;
}
