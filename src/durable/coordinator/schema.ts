import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

// The migrations say WITHOUT ROWID, which drizzle cannot: a text key costs one row written, not two.

/** What was changed live, and what a restart must know besides `holders`; `store.ts` has the keys. */
export const settings = sqliteTable("settings", { key: text().primaryKey(), value: text().notNull() });

/** One row per domain that may hold slots: all that a restart must know. */
export const holders = sqliteTable("holders", {
  domain: text().primaryKey(),
  /** It never counts with more slots than this. */
  mark: integer().notNull(),
  /** Epoch ms; what lies behind it holds nothing. */
  until: integer().notNull(),
  /** Epoch ms until which leases of pull workers may be out; 0: none. */
  leased_until: integer().notNull().default(0),
});

/** Domains that were ever heard of; written at most once an hour each. */
export const domains = sqliteTable("domains", {
  name: text().primaryKey(),
  synced_at: integer().notNull(),
  poked_at: integer().notNull(),
});

/** Who changed what by hand, newest last; see `audit.ts`. */
export const audit = sqliteTable("audit", {
  id: integer().primaryKey(),
  at: integer().notNull(),
  name: text().notNull(),
  role: text().notNull(),
  action: text().notNull(),
  target: text(),
  /** JSON. */
  change: text(),
});
