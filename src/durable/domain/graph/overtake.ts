import { fail } from "../../../policy/errors.ts";
import { parseTaskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Neighbour, Questions } from "../../mail.ts";
import { point } from "../../point.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { byDomain, nameOf, standIn } from "./remotes.ts";
import { readHolders, readTask } from "../rows.ts";
import { predecessorOf, standingOf, type Holder } from "../submit/supersede.ts";
import { walk } from "./waits.ts";

/** The place of another task, which a newcomer takes. */
interface Place {
  /** Tasks whose dependents wait for the newcomer from now on: the one that holds its key, and the begun one that this follows. */
  of: readonly number[];
  /** It goes on under the holder's id; else the holder gives way, and whoever waits for that alone may go. */
  keepsId: boolean;
  /** A begun task that it waits for beside what it depends on. */
  after?: number;
}

/** A submit as circles are looked for. */
interface Batch {
  items: readonly SubmitItem[];
  /** Of equal keys the last counts. */
  last: ReadonlyMap<string, number>;
  holders: ReadonlyMap<string, Holder>;
  /** By index. */
  places: ReadonlyMap<number, Place>;
  /** What tasks that keep their id wait for from now on. */
  renewed: Map<number, readonly number[]>;
}

function batchOf(core: Core, items: Batch["items"], last: Batch["last"], holders: Batch["holders"]): Batch {
  const places = new Map<number, Place>();
  for (const [hash, holder] of holders) {
    const index = last.get(hash)!;
    const place = placeOf(core, items[index]!, holder);
    if (place) places.set(index, place);
  }
  const batch: Batch = { items, last, holders, places, renewed: new Map() };
  for (const [index, { of, keepsId, after }] of places)
    if (keepsId) batch.renewed.set(of[0]!, [...upstreamsOf(core, batch, index), ...(after === undefined ? [] : [after])]);
  return batch;
}

/** The place that an item takes; undefined when it takes none. */
function placeOf(core: Core, { onDuplicate }: SubmitItem, holder: Holder): Place | undefined {
  if (onDuplicate === undefined || onDuplicate === "reject") return undefined;
  const predecessor = predecessorOf(core, readTask(core.store, holder.id)!);
  const hasBegun = standingOf(core, holder).hasBegun;
  if (onDuplicate !== "supersede" && hasBegun) return undefined;
  if (onDuplicate !== "supersede") return { of: [holder.id], keepsId: true, ...(predecessor === undefined ? {} : { after: predecessor }) };
  if (predecessor !== undefined) return { of: [holder.id, predecessor], keepsId: false };
  return { of: [holder.id], keepsId: !hasBegun };
}

/**
 * A submission that takes the place of another takes over what depends on that: if it depends itself on one of those,
 * nobody would ever go. Its upstreams are walked, and refused where they lead back; before the first change.
 */
export function refuseCircles(core: Core, items: Batch["items"], last: Batch["last"], holders: Batch["holders"]): void {
  const batch = batchOf(core, items, last, holders);
  for (const [index, place] of batch.places) if (items[index]!.dependsOn) refuseCircle(core, batch, index, place);
}

function refuseCircle(core: Core, batch: Batch, index: number, { of, keepsId }: Place): void {
  const { items } = batch;
  const starts = upstreamsOf(core, batch, index);
  const itself = keepsId ? of.find((id) => starts.includes(id)) : undefined;
  if (itself !== undefined) throw cycle(items, index, nameOf(core, itself), "it depends on itself");
  const places = awaitedPlaces(core, batch, { of, keepsId });
  if (places.length === 0) return;
  // To wait for the very task whose place it takes is no circle where that one gives way.
  const { seen, isCut } = walk(core, [...starts.filter((id) => !of.includes(id)), ...(items[index]!.above ?? [])], batch);
  const place = places.find((id) => seen.has(id));
  if (place !== undefined) throw cycle(items, index, nameOf(core, place), "the task whose place it takes is among what it waits for");
  if (!isCut) return;
  const why = `more than ${LIMITS.graphNodesMax} tasks are above it, too many to see that none of them waits for it`;
  throw cycle(items, index, nameOf(core, places[0]!), why);
}

/** Those on which something depends, or may by another item's new content. */
const awaitedPlaces = (core: Core, { renewed }: Batch, { of, keepsId }: Place): readonly number[] =>
  keepsId && renewed.size > 1 ? of : of.filter((id) => core.upstreams.has(id));

/** What an item depends on, and what the items of its batch do, or the tasks that stand for them, on which it depends. */
function upstreamsOf(core: Core, { items, last, holders, places }: Omit<Batch, "renewed">, index: number): number[] {
  const found = new Set<number>();
  const open = [index];
  const passed = new Set(open);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const one of items[at]!.dependsOn ?? []) {
      if (typeof one === "string") {
        const id = namedBy(core, one);
        if (id !== undefined) found.add(id);
        continue;
      }
      const hash = items[one]?.hash;
      const stands = hash === undefined ? one : last.get(hash)!;
      if (passed.has(stands) || items[stands] === undefined) continue;
      passed.add(stands);
      const holder = hash === undefined ? undefined : holders.get(hash);
      if (holder && places.get(stands)?.keepsId !== false) found.add(holder.id);
      open.push(stands);
    }
  }
  return [...found];
}

/** The task of this domain that an id names, or the stand-in for one of another; what is none is refused elsewhere. */
function namedBy(core: Core, id: string): number | undefined {
  const parsed = parseTaskId(id);
  if (parsed?.domain === core.name) return parsed.counter;
  return parsed && core.outside.registry.domains.has(parsed.domain) ? standIn(core, parsed) : undefined;
}

function cycle(items: readonly SubmitItem[], index: number, id: string, why: string): Error {
  const path = items.length === 1 ? "dependsOn" : `tasks.${index}.dependsOn`;
  const message = `The task would wait for itself: ${why} (${id}). Leave that dependency out.`;
  return fail("dependency_cycle", message, { id, issues: [{ path, message }] });
}

/** For another domain: what lies above some of this one's tasks in others, and which of those that it marked. */
export function above(core: Core, { from, marked = [] }: Questions["above"]["body"]): Questions["above"]["answer"] {
  const { seen } = walk(core, from);
  const named = (ids: readonly number[]) => ids.map((id) => nameOf(core, id));
  return { seen: seen.size, beyond: named([...seen].filter((id) => id < 0)), met: named(marked.filter((id) => seen.has(id))) };
}

/**
 * Before the transaction, where it can matter: what of this domain lies above a submission by way of others. Only for one that
 * may take the place of a task on which something depends.
 */
export async function lookAbove(core: Core, items: readonly SubmitItem[], reach: (domain: string) => Neighbour): Promise<void> {
  if (core.state.remotes + core.state.watchers === 0) return;
  if (!items.some(({ onDuplicate, hash, dependsOn }) => onDuplicate && onDuplicate !== "reject" && hash && dependsOn)) return;
  const batch = batchOf(core, items, ...keys(core, items));
  for (const [index, place] of batch.places) {
    const item = items[index]!;
    if (!item.dependsOn || awaitedPlaces(core, batch, place).length === 0) continue;
    const found = await climb(core, upstreamsOf(core, batch, index), reach);
    if (found.length > 0) item.above = found;
  }
}

/** Of equal keys in a batch the last counts; and who holds them already. */
export function keys(core: Core, items: readonly SubmitItem[]): [last: Map<string, number>, holders: Map<string, Holder>] {
  const last = new Map<string, number>();
  for (const [index, { hash }] of items.entries()) if (hash !== undefined) last.set(hash, index);
  return [last, new Map(readHolders(core.store, [...last.keys()]).map((row) => [row.key_hash, row]))];
}

/** Own tasks that are reached through other domains; as many in all as may be looked at. */
async function climb(core: Core, starts: readonly number[], reach: (domain: string) => Neighbour): Promise<number[]> {
  const own = new Set<number>();
  const asked = new Set<number>();
  let open = [...walk(core, starts).seen].filter((id) => id < 0);
  for (let looked = 0; open.length > 0 && looked <= LIMITS.graphNodesMax;) {
    for (const id of open) asked.add(id);
    const parts = byDomain(core, open);
    point("above.call", core.name);
    const answers = await Promise.all([...parts].map(([domain, counters]) => reach(domain).ask("above", { from: counters })));
    point("above.answered", core.name);
    const next = new Set<number>();
    for (const { seen, beyond } of answers) {
      looked += seen;
      for (const id of beyond) {
        for (const one of comeBack(core, id, own)) next.add(one);
      }
    }
    open = [...next].filter((id) => !asked.has(id));
  }
  return [...own];
}

/** One of this domain is noted, and leads on to where it goes out again; one of another is asked for there. */
function comeBack(core: Core, id: string, own: Set<number>): number[] {
  const parsed = parseTaskId(id)!;
  if (parsed.domain !== core.name) return [standIn(core, parsed)];
  if (own.has(parsed.counter)) return [];
  own.add(parsed.counter);
  return [...walk(core, [parsed.counter]).seen].filter((one) => one < 0);
}
