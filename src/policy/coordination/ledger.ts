import { invariant } from "../errors.ts";
import {
  confirm,
  counted,
  type Entry,
  entryOfRow,
  expiresAt,
  extendLease,
  grantOf,
  issue,
  lapsed,
  newEntry,
  protectLeases,
  takeOver,
} from "./entry.ts";
import { type MarkRow, markFor } from "./mark.ts";
import { plan } from "./plan.ts";
import { ANY_INCARNATION, COORDINATION, type Grant, type LedgerSnapshot, type SyncAnswer, type SyncRequest } from "./protocol.ts";

const { grantLeaseMs, slackMs, runLeaseMs, repushMs } = COORDINATION;

const SOON_MS = 60_000;

/** A message to a Domain object, for the coordinator to send. */
export interface Push {
  domain: string;
  incarnation: string;
  grant: Grant;
}

/** What is to be stored before any answer or push leaves. */
export interface MarkChanges {
  put: MarkRow[];
  remove: string[];
}

/**
 * The coordinator's side: who may hold how many slots. Pure: the clock is a parameter, rows and pushes are handed
 * out (`takeMarks`, `takePushes`) after each call, rows first. The law: what is counted, which is never less than what
 * is under way, grows only within the cap.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #marks = new Map<string, MarkRow>();
  #maxConcurrency: number;
  #version = 0;
  #waiting = false;
  #pushes = new Set<Entry>();
  #changes: MarkChanges = { put: [], remove: [] };

  /** @param options the global cap, the stored rows, and the time (ms) at which the coordinator started */
  constructor(options: { maxConcurrency: number; marks: readonly MarkRow[]; now: number }) {
    this.#maxConcurrency = options.maxConcurrency;
    const latest = options.now + grantLeaseMs + slackMs + runLeaseMs;
    for (const row of options.marks) {
      if (row.until <= options.now) continue;
      this.#marks.set(row.domain, row);
      this.#entries.set(row.domain, entryOfRow(row.domain, row.mark, Math.min(row.until, latest), row.leasedUntil));
    }
  }

  /** What all holders count with: never less than what is under way anywhere. */
  get counted(): number {
    let total = 0;
    for (const entry of this.#entries.values()) total += counted(entry);
    return total;
  }

  /** A holder says what it uses and wants; the answer is its lease and its grant. */
  sync(request: SyncRequest, now: number): SyncAnswer {
    this.#expire(now);
    const entry = this.#entries.get(request.holder) ?? newEntry(request.holder);
    const known = entry.incarnation === request.incarnation;
    if ((known && request.seq <= entry.seq) || entry.former.includes(request.incarnation)) {
      return { grant: grantOf(entry, 0), stale: true };
    }
    this.#entries.set(request.holder, entry);
    const version = this.#nextVersion(now, request.version);
    if (!known) takeOver(entry, request.incarnation, version);
    confirm(entry, request.version, request.holding);
    entry.seq = request.seq;
    entry.using = request.using;
    entry.wanting = request.wanting;
    entry.cap = request.cap;
    entry.syncedAt = now;
    extendLease(entry, now);
    protectLeases(entry, request.leaseMs, now);
    this.#rebalance(now, entry, version);
    // What its life before held is free for those who wait once this one confirms: it is asked at once, not when a push is due again.
    if (!known && this.#waiting && counted(entry) > entry.granted) this.#pushes.add(entry);
    return { grant: grantOf(entry, grantLeaseMs), ...(request.leaseMs === undefined ? {} : { leased: true }) };
  }

  /** The answer to a push: what is held now. Null (another incarnation, or an older push) changes nothing. */
  confirmed(push: Push, answer: { version: number; holding: number } | null, now: number): void {
    this.#expire(now);
    const entry = this.#entries.get(push.domain);
    if (answer === null || entry === undefined || entry.incarnation !== push.incarnation) return;
    confirm(entry, answer.version, answer.holding);
    // Beyond the grant it holds only what it uses; and it never uses more than it holds.
    entry.using = answer.holding > entry.granted ? answer.holding : Math.min(entry.using, answer.holding);
    this.#rebalance(now, null);
  }

  /** Another global cap, at once: lowering it ends no run, the slots go as the runs end. */
  configure(maxConcurrency: number, now: number): void {
    this.#maxConcurrency = maxConcurrency;
    this.tick(now);
  }

  /** Time has passed (`nextAt`): slots of those who are gone pass on, unanswered pushes are repeated. */
  tick(now: number): void {
    this.#expire(now);
    this.#rebalance(now, null);
    for (const entry of this.#entries.values()) {
      if (now >= this.#repushAt(entry)) this.#pushes.add(entry);
    }
  }

  /** When `tick` is due, or null while nobody waits. */
  nextAt(): number | null {
    if (!this.#waiting) return null;
    let at = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (counted(entry) > 0) at = Math.min(at, expiresAt(entry), this.#repushAt(entry));
    }
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** The messages to send now. */
  takePushes(now: number): Push[] {
    const pushes = [...this.#pushes].map((entry): Push => {
      entry.pushedAt = now;
      entry.pushedVersion = entry.version;
      return { domain: entry.domain, incarnation: entry.incarnation ?? ANY_INCARNATION, grant: grantOf(entry, 0) };
    });
    this.#pushes = new Set();
    return pushes;
  }

  /** The rows to write before anything is answered or sent. */
  takeMarks(): MarkChanges {
    const changes = this.#changes;
    this.#changes = { put: [], remove: [] };
    return changes;
  }

  /** Drops the rows of those who hold nothing any more; one that will soon mean nothing, or does, needs no write. */
  tidy(now: number): void {
    this.#expire(now);
    for (const row of this.#marks.values()) {
      const entry = this.#entries.get(row.domain);
      if (entry !== undefined && counted(entry) > 0) continue;
      if (entry !== undefined && now < (entry.syncedAt ?? 0) + grantLeaseMs) continue;
      if (row.until > now && row.until <= now + SOON_MS) continue;
      this.#marks.delete(row.domain);
      if (row.until > now) this.#changes.remove.push(row.domain);
    }
  }

  /** Domains that may hold slots now. */
  holding(now: number): string[] {
    this.#expire(now);
    return [...this.#entries.values()].filter((entry) => counted(entry) > 0).map((entry) => entry.domain);
  }

  snapshot(now: number): LedgerSnapshot {
    this.#expire(now);
    const holders = [...this.#entries.values()].map((entry) => ({
      domain: entry.domain,
      granted: counted(entry),
      using: entry.using,
      wanting: entry.wanting.reduce((sum, demand) => sum + demand.count, 0),
      syncedMsAgo: entry.syncedAt === null ? null : now - entry.syncedAt,
    }));
    const using = holders.reduce((sum, holder) => sum + holder.using, 0);
    return { maxConcurrency: this.#maxConcurrency, granted: this.counted, using, holders };
  }

  /** Above every version of this life and, going by the clock, of earlier lives. */
  #nextVersion(now: number, seen: number): number {
    this.#version = Math.max(this.#version + 1, now, seen + 1);
    return this.#version;
  }

  #expire(now: number): void {
    for (const entry of this.#entries.values()) {
      if (now >= expiresAt(entry)) {
        this.#entries.delete(entry.domain);
        this.#pushes.delete(entry);
      }
    }
  }

  #rebalance(now: number, asker: Entry | null, version = 0): void {
    const before = this.counted;
    const planned = plan([...this.#entries.values()], this.#maxConcurrency, now);
    this.#waiting = planned.waiting || before > this.#maxConcurrency;
    for (const [entry, { slots, short }] of planned.grants) {
      if (entry === asker) issue(entry, version, slots, short);
      else if (this.#worthAPush(entry, slots, short, now)) {
        issue(entry, this.#nextVersion(now, 0), slots, short);
        this.#pushes.add(entry);
      }
    }
    // Those known from their rows alone are asked to show themselves.
    if (this.#waiting) {
      for (const entry of this.#entries.values()) if (entry.incarnation === null && entry.pushedAt === 0) this.#pushes.add(entry);
    }
    invariant(this.counted <= Math.max(before, this.#maxConcurrency), "slots were granted beyond the cap");
    for (const entry of this.#entries.values()) entry.emptySince = counted(entry) > 0 ? null : (entry.emptySince ?? now);
    this.#cover(now);
  }

  /** A cut is always sent; a raise to those who wait; that slots are short, to those who hold some. */
  #worthAPush(entry: Entry, slots: number, short: boolean, now: number): boolean {
    if (slots < entry.granted) return true;
    if (slots > entry.granted) return entry.wanting.length > 0 && !lapsed(entry, now);
    return short && !entry.short && counted(entry) > 0;
  }

  #repushAt(entry: Entry): number {
    const open = entry.incarnation === null || (counted(entry) > entry.granted && entry.confirmedVersion < entry.version);
    const unheard = entry.pushedVersion > entry.confirmedVersion && counted(entry) > 0;
    return this.#waiting && (open || unheard) ? entry.pushedAt + repushMs : Number.POSITIVE_INFINITY;
  }

  #cover(now: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.incarnation === null) continue;
      const want = {
        domain: entry.domain,
        mark: counted(entry),
        until: expiresAt(entry),
        ...(entry.leasedUntil > 0 ? { leasedUntil: entry.leasedUntil } : {}),
      };
      const row = markFor(this.#marks.get(entry.domain), want, this.#maxConcurrency, now);
      if (row === null) continue;
      this.#marks.set(row.domain, row);
      this.#changes.put.push(row);
    }
  }
}
