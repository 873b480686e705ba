import { fail } from "../../policy/errors.ts";
import { parseTaskId } from "../../policy/ids.ts";
import { LIMITS } from "../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../policy/status.ts";
import type { Neighbour, Questions } from "../mail.ts";
import { point } from "../point.ts";
import type { SubmitItem } from "../protocol.ts";
import { readLivingIds } from "./children.ts";
import type { Core } from "./core.ts";
import { readLivingKin } from "./kin.ts";
import { byDomain, nameOf, standIn } from "./remotes.ts";
import { optionsOf, readHolders, readTask, readTasks, type TaskRow } from "./rows.ts";
import { predecessorOf, standingOf, type Holder } from "./supersede.ts";

/**
 * A submission that takes the place of a begun task takes over what depends on that: if it depends itself on one of those,
 * nobody would ever go. Its upstreams are walked, and refused where they lead back; before the first change.
 */
export function refuseCircles(
  core: Core,
  items: readonly SubmitItem[],
  last: ReadonlyMap<string, number>,
  holders: ReadonlyMap<string, Holder>,
): void {
  for (const [index, item] of items.entries()) {
    const holder = item.hash === undefined || last.get(item.hash) !== index ? undefined : holders.get(item.hash);
    const places = holder && item.dependsOn ? placesOf(core, item, holder) : [];
    if (places.length === 0) continue;
    const own = new Set(places);
    // To wait for the very task whose place it takes is no circle: that one gives way.
    const starts = upstreamsOf(core, items, index).filter((id) => !own.has(id));
    const { seen, isCut } = walk(core, [...starts, ...(item.above ?? [])]);
    const place = places.find((id) => seen.has(id));
    if (place !== undefined) throw cycle(items, index, nameOf(core, place), "the task whose place it takes is among what it waits for");
    if (isCut)
      throw cycle(
        items,
        index,
        nameOf(core, places[0]!),
        `more than ${LIMITS.graphNodesMax} tasks are above it, too many to see that none of them waits for it`,
      );
  }
}

/** The begun tasks that an item ousts, if something depends on them. */
function placesOf(core: Core, item: SubmitItem, holder: Holder): number[] {
  if (item.onDuplicate !== "supersede") return [];
  const row = readTask(core.store, holder.id)!;
  const predecessor = predecessorOf(core, row);
  if (predecessor === undefined && !standingOf(core, holder).hasBegun) return [];
  return [row.id, ...(predecessor === undefined ? [] : [predecessor])].filter((id) => core.upstreams.has(id));
}

/** What an item depends on, and what the items of its batch do on which it depends. */
function upstreamsOf(core: Core, items: readonly SubmitItem[], index: number): number[] {
  const found = new Set<number>();
  const open = [index];
  const passed = new Set(open);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const one of items[at]!.dependsOn ?? []) {
      const parsed = typeof one === "string" ? parseTaskId(one) : null;
      if (parsed?.domain === core.name) found.add(parsed.counter);
      else if (parsed && core.outside.registry.domains.has(parsed.domain)) found.add(standIn(core, parsed));
      else if (typeof one === "number" && !passed.has(one)) {
        passed.add(one);
        open.push(one);
      }
    }
  }
  return [...found];
}

/** Everything above some tasks in this domain, as far as it is blocked, and the tasks of other domains where it goes on. */
function walk(core: Core, starts: readonly number[]): { seen: Set<number>; isCut: boolean } {
  const seen = new Set(starts);
  let level = [...seen];
  while (level.length > 0 && seen.size <= LIMITS.graphNodesMax) {
    const next: number[] = [];
    for (const row of readTasks(
      core.store,
      level.filter((id) => id > 0),
    )) {
      for (const id of waitedFor(core, row)) {
        if (seen.has(id)) continue;
        seen.add(id);
        next.push(id);
      }
    }
    level = next;
  }
  return { seen, isCut: seen.size > LIMITS.graphNodesMax };
}

/** What a task waits for: its dependencies while it is blocked, its living children before it ends. */
function waitedFor(core: Core, row: TaskRow): number[] {
  if (row.status >= FIRST_TERMINAL_CODE) return [];
  const children = row.family === null ? [] : [...readLivingIds(core, row.id, LIMITS.graphNodesMax), ...readLivingKin(core, row.id)];
  if (row.status !== STATUS_CODE.blocked) return children;
  const { dependsOn = [], after } = optionsOf(row);
  return [...dependsOn, ...(after === undefined ? [] : [after]), ...children];
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
 * may oust a begun task on which something depends.
 */
export async function lookAbove(core: Core, items: readonly SubmitItem[], reach: (domain: string) => Neighbour): Promise<void> {
  if (core.state.remotes + core.state.watchers === 0) return;
  const asking = items.filter((item) => item.onDuplicate === "supersede" && item.hash !== undefined && item.dependsOn);
  if (asking.length === 0) return;
  const holders = new Map(
    readHolders(
      core.store,
      asking.map((item) => item.hash!),
    ).map((row) => [row.key_hash, row]),
  );
  for (const [index, item] of items.entries()) {
    const holder = asking.includes(item) ? holders.get(item.hash!) : undefined;
    if (!holder || placesOf(core, item, holder).length === 0) continue;
    const found = await climb(core, upstreamsOf(core, items, index), reach);
    if (found.length > 0) item.above = found;
  }
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
