import { eq, sql } from "drizzle-orm";
import { drizzle, type DrizzleSqliteDODatabase } from "drizzle-orm/durable-sqlite";
import { type Flags, NO_FLAGS } from "../../policy/coordination/flags.ts";
import type { KnownFigures } from "./figure-book.ts";
import type { StartupRecord } from "./startup.ts";
import type { MarkChanges, MarkRow } from "../../policy/coordination/mark.ts";
import type { RateRow } from "../../policy/coordination/taps.ts";
import type { CheckedChange } from "../../policy/group-rules.ts";
import { domains, holders, settings } from "./schema.ts";

const MAX_CONCURRENCY = "maxConcurrency";
const DEFAULT_GROUP_CAP = "defaultGroupMaxConcurrency";
const FLAGS = "flags";
const STARTUP = "startup";
/** Before the name of a group: what was set of it live, and when its bucket will be full. */
const GROUP = "group:";
const RATE = "rate:";
/** Before the name of a domain: what it last told of itself. */
const FIGURES = "figures:";

/** A domain as the list of known ones has it. */
export interface KnownDomain {
  name: string;
  /** Epoch ms; 0: never. */
  synced_at: number;
  poked_at: number;
}

/** The coordinator's SQLite: few rows, written rarely, all synchronous. */
export class CoordinatorStore {
  readonly #storage: DurableObjectStorage;
  readonly #db: DrizzleSqliteDODatabase;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#db = drizzle(storage);
  }

  /** Everything or nothing. */
  transact<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  /** The cap that was set live, or null. */
  maxConcurrency(): number | null {
    const value = this.#setting(MAX_CONCURRENCY);
    return value === undefined ? null : Number(value);
  }

  setMaxConcurrency(cap: number): void {
    this.#set(MAX_CONCURRENCY, String(cap));
  }

  /** The cap of groups without one of their own, as it was set live: null: none; undefined: never set. */
  defaultGroupCap(): number | null | undefined {
    const value = this.#setting(DEFAULT_GROUP_CAP);
    return value === undefined ? undefined : (JSON.parse(value) as number | null);
  }

  setDefaultGroupCap(cap: number | null): void {
    this.#set(DEFAULT_GROUP_CAP, JSON.stringify(cap));
  }

  /** What every domain is told. */
  flags(): Flags {
    const value = this.#setting(FLAGS);
    return value === undefined ? NO_FLAGS : { ...NO_FLAGS, ...(JSON.parse(value) as Flags) };
  }

  setFlags(flags: Flags): void {
    this.#set(FLAGS, JSON.stringify(flags));
  }

  /** What every domain last told of itself. */
  figures(): KnownFigures[] {
    return [...this.#named(FIGURES)].map(([domain, value]) => ({ domain, ...(JSON.parse(value) as Omit<KnownFigures, "domain">) }));
  }

  setFigures({ domain, at, figures }: KnownFigures): void {
    this.#set(`${FIGURES}${domain}`, JSON.stringify({ at, figures }));
  }

  startup(): StartupRecord | null {
    const value = this.#setting(STARTUP);
    return value === undefined ? null : (JSON.parse(value) as StartupRecord);
  }

  setStartup(record: StartupRecord): void {
    this.#set(STARTUP, JSON.stringify(record));
  }

  /** What was set live of each group. */
  groups(): Map<string, CheckedChange> {
    return new Map(this.#named(GROUP).map(([group, value]) => [group, JSON.parse(value) as CheckedChange]));
  }

  setGroup(group: string, change: CheckedChange | null): void {
    const key = GROUP + group;
    if (change === null) this.#db.delete(settings).where(eq(settings.key, key)).run();
    else this.#set(key, JSON.stringify(change));
  }

  /** What is left of the buckets of groups. */
  rates(): RateRow[] {
    return this.#named(RATE).map(([group, value]) => {
      const [fullAt = 0, heldUntil = fullAt] = value.split(" ").map(Number);
      return { group, fullAt, heldUntil };
    });
  }

  applyRates(rows: readonly RateRow[]): void {
    for (const { group, fullAt, heldUntil } of rows) this.#set(RATE + group, `${fullAt} ${heldUntil}`);
  }

  #named(prefix: string): [name: string, value: string][] {
    const rows = this.#db.select().from(settings).all();
    return rows.filter(({ key }) => key.startsWith(prefix)).map(({ key, value }) => [key.slice(prefix.length), value]);
  }

  #setting(key: string): string | undefined {
    return this.#db.select().from(settings).where(eq(settings.key, key)).get()?.value;
  }

  #set(key: string, value: string): void {
    this.#db.insert(settings).values({ key, value }).onConflictDoUpdate({ target: settings.key, set: { value } }).run();
  }

  marks(): MarkRow[] {
    return this.#db
      .select()
      .from(holders)
      .all()
      .map(({ domain, mark, until, leased_until }) => ({ domain, mark, until, leasedUntil: leased_until }));
  }

  applyMarks({ put, remove }: MarkChanges): void {
    for (const row of put) {
      const { domain, mark, until } = row;
      const set = { mark, until, leased_until: row.leasedUntil ?? 0 };
      this.#db
        .insert(holders)
        .values({ domain, ...set })
        .onConflictDoUpdate({ target: holders.domain, set })
        .run();
    }
    for (const domain of remove) this.#db.delete(holders).where(eq(holders.domain, domain)).run();
  }

  domains(): KnownDomain[] {
    return this.#db.select().from(domains).all();
  }

  putDomain(domain: KnownDomain): void {
    this.#db
      .insert(domains)
      .values(domain)
      .onConflictDoUpdate({ target: domains.name, set: { synced_at: sql`excluded.synced_at`, poked_at: sql`excluded.poked_at` } })
      .run();
  }
}
