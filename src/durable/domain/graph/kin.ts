import { isFailedChild } from "../../../policy/children.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { isTerminal, statusFromCode } from "../../../policy/status.ts";
import type { SubmitItem } from "../../protocol.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { MillraceError, type ErrorCode, type ErrorFacts } from "../../../policy/errors.ts";
import { cancelRow } from "../run/cancel.ts";
import { readLivingChildren, readNamedChildren } from "./children.ts";
import type { Core } from "../core.ts";
import type { Answered, Envelope } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { startProbe } from "./probe.ts";
import { standIn } from "./remotes.ts";
import { reopen } from "../run/reopen.ts";
import { lifeOf, optionsOf, readTask, readTasks, setColumns, type TaskRow } from "../rows.ts";
import { insert } from "../submit/submit.ts";

// Children in other domains: each has a row of `kin` in the object of its parent, and its own in its domain.

/** A child of another domain, as its parent's object knows it. */
export interface Kin extends Record<string, SqlStorageValue> {
  parent: number;
  /** Its name among its parent's children. */
  hash: string;
  domain: string;
  type: string;
  /** Its counter there; null while that domain has not answered. */
  child: number | null;
  /** As on disk there; negative: it ended so in its parent's life before, and is on its way to begin again. */
  status: number;
  life: number;
  version: number;
  result: string | null;
  error: string | null;
}

/** Children on their way to their domain. */
export interface SpawnBody {
  parent: number;
  life: number;
  items: SubmitItem[];
}
export type SpawnedBody = { ids: number[] } | { refused: { code: ErrorCode; message: string; facts: ErrorFacts } };

/** How a child stands, on the way to its parent's object. */
interface KinEnd {
  parent: number;
  hash: string;
  child: number;
  status: number;
  life: number;
  result: string | null;
  error: string | null;
}
export type KinEnds = KinEnd[];

export function readKin(core: Core, parent: number): Kin[] {
  return core.store.exec<Kin>("SELECT * FROM kin WHERE parent = ? ORDER BY domain, child", parent).toArray();
}

export function readNamedKin(core: Core, parent: number, names: readonly string[]): Kin[] {
  return core.store
    .exec<Kin>(
      "SELECT k.* FROM json_each(?2) AS j CROSS JOIN kin AS k ON k.parent = ?1 AND k.hash = j.value",
      parent,
      JSON.stringify(names),
    )
    .toArray();
}

/** Those that live and have an id, as stand-ins. */
export function readLivingKin(core: Core, parent: number): number[] {
  return core.store
    .exec<{ domain: string; child: number }>("SELECT domain, child FROM kin WHERE parent = ? AND status < 10 AND child IS NOT NULL", parent)
    .toArray()
    .map(({ domain, child }) => standIn(core, { domain, counter: child }));
}

/** New children of another domain: a row each, and messages that carry them there. */
export function sendKin(core: Core, parent: number, life: number, domain: string, items: readonly SubmitItem[]): void {
  const rows = items.map(({ hash, type }) => [parent, hash, domain, type, life]);
  core.store.exec(
    `INSERT INTO kin (parent, hash, domain, type, status, life, version)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 0, value ->> 4, 0 FROM json_each(?)
      WHERE true ON CONFLICT (parent, hash) DO UPDATE SET life = excluded.life, status = CASE WHEN status < 10 THEN status ELSE -status END`,
    JSON.stringify(rows),
  );
  let slice: SubmitItem[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = utf8Bytes(item.payload) + 512;
    if (slice.length > 0 && bytes + size > LIMITS.jsonParameterBytesMax / 4) {
      post(core, domain, "spawn", { parent, life, items: slice });
      slice = [];
      bytes = 0;
    }
    slice.push(item);
    bytes += size;
  }
  if (slice.length > 0) post(core, domain, "spawn", { parent, life, items: slice });
}

/** In the child's domain: written, but for those that are there. A refusal is an answer, or it would be tried for ever. */
export function takeSpawn(core: Core, { parent, life, items }: SpawnBody, { from, now }: Envelope): SpawnedBody {
  const id = taskId(from, parent);
  const names = items.map(({ hash }) => hash!);
  const known = new Map(readNamedChildren(core, id, names).map((row) => [row.key_hash!, row]));
  const fresh = items.filter(({ hash }) => !known.has(hash!));
  let made: string[];
  try {
    made = insert(core, fresh, now, { parent: id, ...(life === 0 ? {} : { options: JSON.stringify({ life }) }) }).map(
      (outcome) => outcome.id,
    );
  } catch (error) {
    if (!MillraceError.is(error) || error.status >= 500) throw error;
    return { refused: { code: error.code, message: error.message, facts: error.facts } };
  }
  for (const row of known.values()) if (lifeOf(row) < life) renewAway(core, row, life);
  let next = 0;
  return { ids: names.map((hash) => known.get(hash)?.id ?? parseTaskId(made[next++]!)!.counter) };
}

/** It belongs to the parent's new life; one that cannot begin again is told of as it is. */
function renewAway(core: Core, row: TaskRow, life: number): void {
  try {
    renew(core, row, life);
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    setColumns(core.store, row.id, { options: JSON.stringify({ ...optionsOf(row), life }) });
    core.families.tellParent(row.id);
  }
}

/** A child of its parent's life before: it belongs to this one from now on. What has not completed is done again. */
export function renew(core: Core, row: TaskRow, life: number): void {
  const status = statusFromCode(row.status);
  if (status === "completed") return;
  if (isTerminal(status) && status !== "superseded") reopen(core, row, { life });
  else setColumns(core.store, row.id, { options: JSON.stringify({ ...optionsOf(row), life }) });
}

/** The children's domain has answered: who waits for their ids has them. */
export function spawned(core: Core, { target, body, answer }: Answered<"spawn">): void {
  const { parent, life, items } = body;
  core.touch();
  if ("refused" in answer) {
    const { code, message, facts } = answer.refused;
    unborn(core, body);
    core.families.recheck(parent);
    for (const { hash } of items) core.families.born(parent, hash!, new MillraceError(code, message, facts));
    return;
  }
  const pairs = items.map(({ hash }, index) => [hash, answer.ids[index]]);
  core.store.exec(
    "UPDATE kin SET child = j.value ->> 1 FROM json_each(?2) AS j WHERE kin.parent = ?1 AND kin.hash = j.value ->> 0",
    parent,
    JSON.stringify(pairs),
  );
  for (const [index, { hash }] of items.entries()) core.families.born(parent, hash!, taskId(target, answer.ids[index]!));
  startProbe(
    core,
    target,
    items.flatMap(({ dependsOn }, index) => (dependsOn ? [answer.ids[index]!] : [])),
  );
  // It has ended while they were on their way.
  const row = readTask(core.store, parent);
  const isOver = !row || row.cancelling !== 0 || (row.status >= 10 && row.status !== 10);
  if (isOver) post(core, target, "abandon", { parent, life });
}

/** Refused: those that were new are none; those that were to begin again are as they were, of the life before. */
function unborn(core: Core, { parent, life, items }: SpawnBody): void {
  const names = JSON.stringify(items.map(({ hash }) => hash));
  core.store.exec("DELETE FROM kin WHERE parent = ? AND child IS NULL AND hash IN (SELECT value FROM json_each(?))", parent, names);
  core.store.exec(
    "UPDATE kin SET status = abs(status), life = life - 1 WHERE parent = ? AND life = ? AND hash IN (SELECT value FROM json_each(?))",
    parent,
    life,
    names,
  );
}

/** To the parents' objects: how these children stand now. */
export function tellParents(core: Core, ids: readonly number[]): void {
  const byDomain = new Map<string, KinEnd[]>();
  const sizes = new Map<string, number>();
  const flush = (domain: string): void => {
    const ends = byDomain.get(domain) ?? [];
    if (ends.length > 0) post(core, domain, "kin", ends);
    byDomain.delete(domain);
    sizes.delete(domain);
  };
  for (const row of readTasks(core.store, ids)) {
    const parent = parseTaskId(row.parent!)!;
    const { domain } = parent;
    const size = utf8Bytes(row.result ?? "") + utf8Bytes(row.error ?? "") + 256;
    if ((sizes.get(domain) ?? 0) + size > LIMITS.jsonParameterBytesMax / 2) flush(domain);
    const end: KinEnd = {
      parent: parent.counter,
      hash: row.key_hash!,
      child: row.id,
      status: row.status,
      life: lifeOf(row),
      result: row.result,
      error: row.error,
    };
    byDomain.set(domain, [...(byDomain.get(domain) ?? []), end]);
    sizes.set(domain, (sizes.get(domain) ?? 0) + size);
  }
  for (const domain of [...byDomain.keys()]) flush(domain);
}

/** In the parent's object: children of another domain have ended, or live again. What is older than what is known changes nothing. */
export function takeKin(core: Core, ends: KinEnds, { from, id: version }: Envelope): null {
  core.touch();
  for (const { parent, hash, child, status, life, result, error } of ends) {
    const [before] = readNamedKin(core, parent, [hash]);
    if (!before || before.version >= version) continue;
    const to = statusFromCode(status);
    // The end of a life before, told late: it is on its way to begin again.
    const isAgain = life < before.life && isTerminal(to) && to !== "completed";
    core.store.exec(
      "UPDATE kin SET child = ?, status = ?, life = max(life, ?), version = ?, result = ?, error = ? WHERE parent = ? AND hash = ?",
      child,
      isAgain ? -status : status,
      life,
      version,
      result,
      error,
      parent,
      hash,
    );
    core.families.recount(parent);
    if (isTerminal(to) && !isAgain) core.families.childEndedAway(parent, taskId(from, child), to, isFailedChild(to) ? life : undefined);
  }
  return null;
}

/** A parent that is over; its children of later lives are not meant. */
export interface Abandon {
  parent: number;
  life: number;
}

/** The living children that a task has in other domains are told to stop. */
export function abandonAway(core: Core, parent: number): void {
  const query = "SELECT domain, max(life) AS life FROM kin WHERE parent = ? AND status < 10 GROUP BY domain";
  for (const { domain, life } of core.store.exec<{ domain: string; life: number }>(query, parent).toArray())
    post(core, domain, "abandon", { parent, life });
}

/** In the children's domain. */
export function takeAbandon(core: Core, { parent, life }: Abandon, { from }: Envelope): null {
  const read = () => readLivingChildren(core, taskId(from, parent), life);
  for (let rows = read(); rows.length > 0; rows = read()) for (const row of rows) cancelRow(core, row);
  return null;
}

/** The records of children whose parents are purged. */
export function deleteKin(core: Core, parents: readonly number[]): void {
  core.store.exec("DELETE FROM kin WHERE parent IN (SELECT value FROM json_each(?))", JSON.stringify(parents));
}
