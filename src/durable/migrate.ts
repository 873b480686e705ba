import { fail } from "../policy/errors.ts";

/** One file of `migrations/<object>/`, inlined by `scripts/inline-migrations.mjs`. */
export interface Migration {
  name: string;
  sql: string;
}

/**
 * Brings an object's tables up to the code, in its constructor: each migration once, in one transaction, recorded in
 * `_migrations`. What fails is thrown as SQLite said it, with the migration's name.
 *
 * @throws `internal` when the stored schema is newer than the code: an older Worker was deployed over a newer one
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[], now: number): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    sql.exec("CREATE TABLE IF NOT EXISTS _migrations (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) WITHOUT ROWID");
    const applied = new Set(
      sql
        .exec<{ name: string }>("SELECT name FROM _migrations")
        .toArray()
        .map((row) => row.name),
    );
    const known = new Set(migrations.map((migration) => migration.name));
    const newer = [...applied].filter((name) => !known.has(name));
    if (newer.length > 0) {
      throw fail(
        "internal",
        `The stored schema is newer than this code: it has ${newer.join(", ")}, which this code does not know. Deploy the newer code again; nothing was changed.`,
        { newer },
      );
    }
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue;
      apply(sql, migration);
      sql.exec("INSERT INTO _migrations (name, applied_at) VALUES (?, ?)", migration.name, now);
    }
  });
}

function apply(sql: SqlStorage, { name, sql: text }: Migration): void {
  for (const statement of text.split("--> statement-breakpoint")) {
    try {
      sql.exec(statement);
    } catch (error) {
      throw fail("internal", `Migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`, { migration: name });
    }
  }
}
