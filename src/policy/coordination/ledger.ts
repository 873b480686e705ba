import { invariant } from "../errors.ts";
import type { Share } from "./allocate.ts";
import {
  capGroups,
  confirm,
  counted,
  countedIn,
  type Entry,
  entryOfRow,
  expiresAt,
  extendLease,
  grantOf,
  heldOf,
  issue,
  lapsed,
  markOf,
  newEntry,
  protectLeases,
  repushAt,
  takeOver,
  voidTokens,
} from "./entry.ts";
import { capOf, type GroupPolicy, NO_GROUPS } from "./groups.ts";
import { type MarkChanges, type MarkRow, markFor } from "./mark.ts";
import { cappedGroups, isWorthAPush, plan, type Settings } from "./plan.ts";
import {
  ANY_INCARNATION,
  type Confirmation,
  COORDINATION,
  type Grant,
  type LedgerSnapshot,
  type SyncAnswer,
  type SyncRequest,
} from "./protocol.ts";
import type { LedgerOptions, Push } from "./ledger-options.ts";
import { type Outlook, outlookOf } from "./outlook.ts";
import { type RateRow, Taps } from "./taps.ts";
import type { PreemptRequest } from "./victims.ts";
import { type GroupView, viewGroups, viewHolders } from "./view.ts";

const { grantLeaseMs, slackMs, runLeaseMs } = COORDINATION;

const SOON_MS = 60_000;

/**
 * The coordinator's side: who may hold how many slots. Pure: the clock is a parameter, rows and pushes are handed
 * out (`takeMarks`, `takePushes`) after each call, rows first. The law: what is counted, which is never less than what
 * is under way, grows only within the cap.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #marks = new Map<string, MarkRow>();
  readonly #taps: Taps;
  #settings: Settings;
  #shares: ReadonlyMap<string, Share> = new Map();
  #version = 0;
  #waiting = false;
  #pushes = new Set<Entry>();
  #changes: MarkChanges = { put: [], remove: [] };

  /** @param options the caps, the stored rows, and the time (ms) at which the coordinator started */
  constructor(options: LedgerOptions) {
    this.#settings = { maxConcurrency: options.maxConcurrency, groups: options.groups ?? NO_GROUPS, urgentAt: options.urgentAt ?? null };
    const latest = options.now + grantLeaseMs + slackMs + runLeaseMs;
    for (const row of options.marks) {
      if (row.until <= options.now) continue;
      this.#marks.set(row.domain, row);
      this.#entries.set(row.domain, entryOfRow(row.domain, row.mark, Math.min(row.until, latest), row.leasedUntil));
    }
    this.#taps = new Taps(options.rates ?? []);
    this.#taps.configure(this.#settings.groups.rules, this.#all, options.now);
  }

  get #all(): Entry[] {
    return [...this.#entries.values()];
  }

  /** What all holders count with: never less than what is under way anywhere. */
  get counted(): number {
    return this.#all.reduce((total, entry) => total + counted(entry), 0);
  }

  /** The same in one group. */
  countedIn(group: string): number {
    return this.#all.reduce((total, entry) => total + countedIn(entry, group), 0);
  }

  /** A holder says what it uses and wants; the answer is its lease and its grant. */
  sync(request: SyncRequest, now: number): SyncAnswer {
    this.#expire(now);
    const entry = this.#entries.get(request.holder) ?? newEntry(request.holder);
    const known = entry.incarnation === request.incarnation;
    if ((known && request.seq <= entry.seq) || entry.former.includes(request.incarnation)) {
      return { grant: this.#grantOf(entry, 0), stale: true };
    }
    this.#entries.set(request.holder, entry);
    const version = this.#nextVersion(now, request.version);
    if (!known) takeOver(entry, request.incarnation, version);
    confirm(entry, request.version, heldOf(request));
    entry.seq = request.seq;
    entry.using = request.using;
    entry.groups = request.groups ?? new Map();
    const refunded = this.#taps.report(entry, request, this.#all, now);
    entry.wanting = request.wanting;
    entry.cap = request.cap;
    entry.syncedAt = now;
    extendLease(entry, now);
    protectLeases(entry, request.leaseMs, now);
    this.#rebalance(now, entry, version);
    // What its life before held is free for those who wait once this one confirms: it is asked at once, not when a push is due again.
    if (!known && this.#waiting && counted(entry) > entry.granted.slots) this.#pushes.add(entry);
    // Others first: what it gave back since it could not use it is not for itself again.
    this.#passOn(refunded, entry, now);
    const opens = this.#taps.give(entry, this.#all, now);
    return { grant: this.#grantOf(entry, grantLeaseMs, opens), ...(request.leaseMs === undefined ? {} : { leased: true }) };
  }

  /** Tokens that came back go to those who wait for them; they would not ask before the next one of their own is due. */
  #passOn(groups: readonly string[], giver: Entry, now: number): void {
    for (const entry of this.#entries.values()) {
      if (entry === giver || lapsed(entry, now) || !entry.wanting.some(({ group }) => group !== null && groups.includes(group))) continue;
      issue(entry, this.#nextVersion(now, 0), entry.granted);
      this.#taps.give(entry, this.#all, now);
      this.#pushes.add(entry);
    }
  }

  /** The answer to a push: what is held now. Null (another incarnation, or an older push) changes nothing. */
  confirmed(push: Push, answer: Confirmation | null, now: number): void {
    this.#expire(now);
    const entry = this.#entries.get(push.domain);
    if (answer === null || entry === undefined || entry.incarnation !== push.incarnation) return;
    confirm(entry, answer.version, heldOf(answer));
    // Beyond the grant it holds only what it uses; and it never uses more than it holds.
    entry.using = answer.holding > entry.granted.slots ? answer.holding : Math.min(entry.using, answer.holding);
    capGroups(entry);
    this.#rebalance(now, null);
  }

  /** Another global cap, at once: lowering it ends no run, the slots go as the runs end. */
  configure(maxConcurrency: number, now: number): void {
    this.#settings = { ...this.#settings, maxConcurrency };
    this.tick(now);
  }

  /** Other settings of groups, at once: what a lowered cap takes ends no run, either. Every holder is told. */
  configureGroups(groups: GroupPolicy, now: number, urgentAt: number | null = this.#settings.urgentAt): void {
    this.#expire(now);
    this.#settings = { ...this.#settings, groups, urgentAt };
    this.#taps.configure(groups.rules, this.#all, now);
    this.#rebalance(now, null, 0, true);
  }

  /** Every group that has settings, tasks or slots, by name. */
  groups(now: number): GroupView[] {
    this.#expire(now);
    return viewGroups(this.#all, this.#shares, this.#settings.groups, (group) => this.#taps.available(group, this.#all, now));
  }

  /** How often each limited group had to wait for a token. */
  throttles(): Record<string, number> {
    return this.#taps.throttles();
  }

  /** Rows of rate limits to write before anything is answered. */
  takeRates(): RateRow[] {
    return this.#taps.takeRows();
  }

  /** What bears on room for a domain's urgent work. */
  outlook(request: PreemptRequest, now: number): Outlook {
    return outlookOf(this.#all, { shares: this.#shares, settings: this.#settings, holders: this.holding(now), now }, request);
  }

  #grantOf(entry: Entry, leaseMs: number, opens?: ReadonlyMap<string, number>): Grant {
    return grantOf(entry, leaseMs, (group) => {
      const opensMs = opens?.get(group);
      return this.#taps.has(group) ? (opensMs === undefined ? {} : { opensMs }) : null;
    });
  }

  /** Time has passed (`nextAt`): slots of those who are gone pass on, unanswered pushes are repeated. */
  tick(now: number): void {
    this.#expire(now);
    this.#rebalance(now, null);
    for (const entry of this.#entries.values()) {
      if (this.#waiting && now >= repushAt(entry)) this.#pushes.add(entry);
    }
  }

  /** When `tick` is due, or null while nobody waits. */
  nextAt(): number | null {
    if (!this.#waiting) return null;
    let at = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (counted(entry) > 0) at = Math.min(at, expiresAt(entry), repushAt(entry));
    }
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** The messages to send now. */
  takePushes(now: number): Push[] {
    const pushes = [...this.#pushes].map((entry): Push => {
      entry.pushedAt = now;
      entry.pushedVersion = entry.version;
      // One that may have unknown tokens is to sync: the answer to a push says nothing of them.
      const isAsked = entry.incarnation === null || (entry.blindUntil >= 0 && this.#taps.size > 0);
      return { domain: entry.domain, incarnation: isAsked ? ANY_INCARNATION : entry.incarnation!, grant: this.#grantOf(entry, 0) };
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
    return viewHolders(this.#all, this.#settings.maxConcurrency, now);
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
      // Without a lease it starts nothing: what it had and did not spend is lost.
      if (now >= entry.leaseEnds) voidTokens(entry);
    }
  }

  #rebalance(now: number, asker: Entry | null, version = 0, tellAll = false): void {
    const before = this.counted;
    const planned = plan(this.#all, this.#settings, now);
    const inGroups = new Map([...cappedGroups(planned, this.#settings.groups)].map((group) => [group, this.countedIn(group)]));
    this.#shares = planned.shares;
    this.#waiting = planned.waiting || before > this.#settings.maxConcurrency;
    for (const [entry, grant] of planned.grants) {
      entry.owes = grant.owes;
      this.#waiting ||= grant.owes;
      if (entry === asker) issue(entry, version, grant.issued);
      else if (isWorthAPush(entry, grant, now) || (tellAll && counted(entry) > 0)) {
        issue(entry, this.#nextVersion(now, 0), grant.issued);
        this.#pushes.add(entry);
      }
    }
    // Those known from their rows alone are asked to show themselves.
    for (const entry of this.#all) if (this.#waiting && entry.incarnation === null && entry.pushedAt === 0) this.#pushes.add(entry);
    invariant(this.counted <= Math.max(before, this.#settings.maxConcurrency), "slots were granted beyond the cap");
    for (const [group, had] of inGroups) {
      const most = Math.max(had, capOf(this.#settings.groups, group));
      invariant(this.countedIn(group) <= most, "slots were granted beyond a group's cap");
    }
    for (const entry of this.#entries.values()) entry.emptySince = counted(entry) > 0 ? null : (entry.emptySince ?? now);
    this.#cover(now);
  }

  #cover(now: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.incarnation === null) continue;
      const row = markFor(this.#marks.get(entry.domain), markOf(entry), this.#settings.maxConcurrency, now);
      if (row === null) continue;
      this.#marks.set(row.domain, row);
      this.#changes.put.push(row);
    }
  }
}
