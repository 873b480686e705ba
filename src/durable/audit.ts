import type { audit } from "./coordinator/schema.ts";
import { AUDIT, type AuditNote, type AuditPage } from "../policy/audit.ts";

interface Sql {
  exec<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: unknown[]): SqlStorageCursor<Row>;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;
interface Attached {
  "~audit": AuditNote;
}

/** The note of the call that is being made right now: set only while a method runs synchronously, so no two can meet. */
let current: AuditNote | undefined;

/** As the last argument of a call over RPC. */
export const attach = (note: AuditNote | undefined): Attached[] => (note === undefined ? [] : [{ "~audit": note }]);

/** Makes every method take a note as one argument more; the first transaction that it commits writes it down. */
export function acceptNotes(prototype: object): void {
  const target = prototype as Record<string, Method>;
  for (const name of Object.getOwnPropertyNames(prototype)) if (name !== "constructor") target[name] = accepting(target[name]!);
}

function accepting(inner: Method): Method {
  return function noted(this: unknown, ...args: unknown[]) {
    const last = args.at(-1) as Partial<Attached> | null | undefined;
    if (typeof last !== "object" || last === null || !last["~audit"]) return inner.apply(this, args);
    current = last["~audit"];
    try {
      // Its transaction comes before its first await: state changes are synchronous here.
      return inner.apply(this, args.slice(0, -1));
    } finally {
      current = undefined;
    }
  };
}

/** For a method that has to ask others first: takes the note along, to the work that follows. */
export function keepNote(): <T>(work: () => T) => T {
  const kept = current;
  current = undefined;
  return (work) => {
    current = kept;
    try {
      return work();
    } finally {
      current = undefined;
    }
  };
}

/** Writes the call's note into the log, within the transaction of its change: both are there, or neither. */
export function writeNote(sql: Sql, now: number): void {
  if (current === undefined) return;
  const { name, role, action, target, change } = current;
  current = undefined;
  const [row] = sql
    .exec<{ id: number }>(
      "INSERT INTO audit (at, name, role, action, target, change) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
      now,
      name,
      role,
      action,
      target,
      change,
    )
    .toArray();
  if (row!.id % AUDIT.purgeEvery === 0) purge(sql, row!.id, now);
}

function purge(sql: Sql, newest: number, now: number): void {
  sql.exec("DELETE FROM audit WHERE id <= ?", newest - AUDIT.keep).toArray();
  const slice = "SELECT id FROM audit ORDER BY id LIMIT ?";
  sql.exec(`DELETE FROM audit WHERE id IN (${slice}) AND at < ?`, AUDIT.purgeSlice, now - AUDIT.keepMs).toArray();
}

/** The same in both kinds of objects. */
type Row = typeof audit.$inferSelect;

/** A page of the log, newest first. @param domain null for the mill's own */
export function readNotes(sql: Sql, domain: string | null, { limit, before }: { limit: number; before?: number }): AuditPage {
  const rows = sql
    .exec<Row>(
      "SELECT id, at, name, role, action, target, change FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
      before ?? Number.MAX_SAFE_INTEGER,
      limit + 1,
    )
    .toArray();
  const items = rows.slice(0, limit).map(({ id, at, change, ...rest }) => ({
    seq: id,
    at: new Date(at).toISOString(),
    domain,
    ...rest,
    change: change === null ? null : (JSON.parse(change) as unknown),
  }));
  return { items, next: rows.length > limit ? items.at(-1)!.seq : null };
}
