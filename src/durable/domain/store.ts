import { drizzle, type DrizzleSqliteDODatabase } from "drizzle-orm/durable-sqlite";
import * as schema from "./schema.ts";

type Row = Record<string, SqlStorageValue>;

/** Rows read and written by one kind of statement, such as `update tasks`. */
export interface Cost {
  calls: number;
  rowsRead: number;
  rowsWritten: number;
}

/**
 * The object's SQLite behind one metered `exec`: every statement of Millrace, drizzle's included, passes here, so
 * that the cost meter cannot miss one. Rows are counted when the cursors have run out: at `settle()`.
 */
export class Store {
  readonly db: DrizzleSqliteDODatabase<typeof schema>;
  private readonly storage: DurableObjectStorage;
  private readonly kinds = new Map<string, string>();
  private pending: { kind: string; cursor: SqlStorageCursor<Row> }[] = [];
  private costs: Record<string, Cost> = {};

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
    const client = { sql: { exec: this.exec.bind(this) }, transactionSync: storage.transactionSync.bind(storage) };
    // drizzle uses nothing of the storage but these two.
    this.db = drizzle(client as unknown as DurableObjectStorage, { schema });
  }

  /** One statement. Constant texts only: the platform caches compiled statements by text. */
  exec<T extends Row>(query: string, ...bindings: unknown[]): SqlStorageCursor<T> {
    const cursor = this.storage.sql.exec<T>(query, ...bindings);
    this.pending.push({ kind: this.kindOf(query), cursor });
    if (this.pending.length > 500) this.count();
    return cursor;
  }

  /** Everything or nothing. */
  transact<T>(work: () => T): T {
    return this.storage.transactionSync(work);
  }

  /** What was read and written since the last call, per statement kind. */
  drain(): Record<string, Cost> {
    this.count();
    const costs = this.costs;
    this.costs = {};
    return costs;
  }

  private count(): void {
    for (const { kind, cursor } of this.pending) {
      const cost = (this.costs[kind] ??= { calls: 0, rowsRead: 0, rowsWritten: 0 });
      cost.calls += 1;
      cost.rowsRead += cursor.rowsRead;
      cost.rowsWritten += cursor.rowsWritten;
    }
    this.pending = [];
  }

  private kindOf(query: string): string {
    const known = this.kinds.get(query);
    if (known) return known;
    const verb = /^\s*(\w+)/.exec(query)?.[1]?.toLowerCase() ?? "other";
    const table = /\b(?:from|into|update|join)\s+["`]?(?!json_each)(\w+)/i.exec(query)?.[1];
    const kind = table ? `${verb} ${table}` : verb;
    if (this.kinds.size < 1_000) this.kinds.set(query, kind);
    return kind;
  }
}
