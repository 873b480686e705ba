import { Allotment } from "./allotment.ts";
import { Backoff } from "./backoff.ts";
import { type GroupGate, gateOf } from "./gate.ts";
import { UNGROUPED } from "./groups.ts";
import { LeaseTerm } from "./lease-term.ts";
import {
  ANY_INCARNATION,
  type Confirmation,
  COORDINATION,
  type Demand,
  type Grant,
  type SyncAnswer,
  type SyncRequest,
} from "./protocol.ts";
import { StuckTokens } from "./stuck-tokens.ts";
import { askAt, mostUrgent, NEVER, toldBy, toldIn, withGrant } from "./told.ts";

const { renewAfterMs, refineMs, requestTimeoutMs } = COORDINATION;

interface Flight {
  request: SyncRequest;
  at: number;
}

/**
 * The Domain object's side of the coordination: how many runs may be under way, and when to call the
 * coordinator. Pure: the clock is a parameter. Call `due` after every event (a run ended, work became ready, a push,
 * an answer, a failure, the time of `nextAt`), send what it returns, and report the end by `answered` or `failed`.
 *
 * Laws: nothing starts without a valid lease; a slot once reported as given back is not used again before a grant of a
 * later version; at one version, what is held never grows.
 */
export class Holder {
  readonly #holder: string;
  readonly #incarnation: string;
  readonly #has = new Allotment();
  /** When it was first asked anything. */
  #bornAt = Number.POSITIVE_INFINITY;
  #version = 0;
  #seq = 0;
  #cap: number | null = null;
  #leaseUntil = Number.NEGATIVE_INFINITY;
  /** When the request was sent whose answer gave the lease. */
  #leasedAt = Number.NEGATIVE_INFINITY;
  #short = false;
  #asked = false;
  #told = NEVER;
  #flight: Flight | null = null;
  /** The most urgent priority wanted when `due` was last asked. */
  #urgency = 256;
  /** Groups of which something was wanted then. */
  #wants: ReadonlySet<string> = new Set();
  readonly #backoff = new Backoff();
  readonly #leases = new LeaseTerm();
  readonly #stuck = new StuckTokens();

  /** @param options the domain's name, and what is random in each life of its object */
  constructor(options: { holder: string; incarnation: string }) {
    this.#holder = options.holder;
    this.#incarnation = options.incarnation;
  }

  /** Slots occupied now: runs under way, orphans of an earlier incarnation included. */
  get using(): number {
    return this.#has.using;
  }

  /** Whether a request is under way. */
  get asking(): boolean {
    return this.#flight !== null;
  }

  /** Slots of the last grant, used or not; what the snapshot shows. Only `free` says what may be taken. */
  get granted(): number {
    return this.#has.slots;
  }

  /**
   * Slots of a valid grant that may be taken at `now` (ms): 0 without a valid lease; at most the domain's own cap.
   *
   * @param group those that a run of this group may take (null: ungrouped); absent: in all
   */
  free(now: number, group: string | null = null): number {
    if (!this.valid(now)) return 0;
    const free = Math.max(0, Math.min(this.#has.slots, this.#cap ?? Number.POSITIVE_INFINITY) - this.#has.using);
    if (group === null || free === 0) return free;
    return this.#has.tokensIn(group) > 0 ? Math.max(0, Math.min(free, this.#has.ceilingIn(group) - this.#has.usingIn(group))) : 0;
  }

  /** How many tasks of a group may be started by its rate limit; infinite where it has none. */
  tokens(group: string | null): number {
    return group === null ? Number.POSITIVE_INFINITY : this.#has.tokensIn(group);
  }

  /** Whether a group has fewer slots than its weight gives it: its tasks go first. True where nobody has a weight. */
  isOwed(group: string | null): boolean {
    return this.#has.owedTo(group ?? UNGROUPED) > 0;
  }

  /** Why no run of a group may start at `now` (ms), or null. */
  gate(now: number, group: string | null): GroupGate | null {
    return gateOf(this.#has, { now, group: group ?? UNGROUPED, free: this.free(now), opensAt: this.#told.opensAt });
  }

  /** A run starts, or an orphan is counted at wake. The caller has asked `free` in the same turn. */
  occupy(group: string | null = null): void {
    this.#has.occupy(group ?? UNGROUPED);
  }

  /** So many tasks of a group are started; the caller has asked `tokens`. */
  spend(group: string | null, count: number, now?: number): void {
    if (group !== null) this.#has.spend(group, count, now);
  }

  /** A run has ended. */
  vacate(group: string | null = null): void {
    this.#has.vacate(group ?? UNGROUPED);
  }

  /** Slots that are held and not used: of a group (null: in all). */
  idle(group: string | null): number {
    return group === null ? this.#has.holding - this.#has.using : this.#has.holdingIn(group) - this.#has.usingIn(group);
  }

  /** A slot that has just come free goes back to the coordinator, for more urgent work elsewhere. */
  yield(group: string | null): void {
    this.#has.yield(group ?? UNGROUPED);
  }

  /** The coordinator is to be asked at once, whatever is known of it. */
  ask(): void {
    this.#asked = true;
  }

  /** The furthest end (ms) of a lease that is out, or null when none is. Said before `due` is asked. */
  setLeases(end: number | null): void {
    this.#leases.end = end;
  }

  /** Until when leases may last: the coordinator has stored it, so the slots stay theirs however long this object sleeps. */
  get leaseLimit(): number {
    return this.#leases.until;
  }

  /** Whether a lease may last until `end` (ms); if not, it is asked for with the next sync, which is due at once. */
  mayLease(end: number): boolean {
    return this.#leases.may(end);
  }

  /** The domain's own cap, or null; holds at once. Lowering it ends no run. */
  setCap(cap: number | null): void {
    this.#cap = cap;
  }

  /** Whether the grant is valid at `now` (ms), and so whether leases of runs may be renewed. */
  valid(now: number): boolean {
    // By a clock that has gone back nobody knows how long it still is.
    return this.#leasedAt <= now && now < this.#leaseUntil;
  }

  /**
   * The request to send now, or null when nothing is due. `wanting` is what is ready beyond `free`. What it
   * returns counts as under way until `answered` or `failed`, or for 20 s; meanwhile nothing is due.
   *
   * @param pending ready tasks by group, for those who look
   */
  due(now: number, wanting: Demand[], pending: ReadonlyMap<string, number> = new Map()): SyncRequest | null {
    this.#bornAt = Math.min(this.#bornAt, now);
    this.#wants = new Set(wanting.map(({ group }) => group ?? UNGROUPED));
    if (this.#flight !== null) this.#flight.at = Math.min(this.#flight.at, now);
    this.#backoff.setBack(now);
    this.#stuck.note(this.#has, now);
    if (this.#flight !== null && now < this.#flight.at + requestTimeoutMs) return null;
    if (this.#flight !== null) this.failed(this.#flight.request, now);
    if (now < this.#backoff.until) return null;
    const total = wanting.reduce((sum, demand) => sum + demand.count, 0);
    this.#urgency = mostUrgent(wanting);
    if (now < this.#dueAt(now, total)) return null;
    return this.#request(now, wanting, pending);
  }

  /**
   * When `due` should be asked again although nothing happened: renewal while runs are open, asking again while
   * starved, giving back while slots are short, back-off after failures. Null: not at all.
   */
  nextAt(now: number, wanting: boolean): number | null {
    if (this.#flight !== null) return this.#flight.at + requestTimeoutMs;
    const at = Math.max(this.#dueAt(now, wanting ? 1 : 0), this.#backoff.until);
    return at === Number.POSITIVE_INFINITY ? null : Math.max(at, now);
  }

  /** The coordinator has answered `request`, which was sent at `askedAt` (ms): the lease counts from there. */
  answered(request: SyncRequest, answer: SyncAnswer, askedAt: number): void {
    if (this.#flight?.request.seq !== request.seq) return;
    this.#flight = null;
    if (answer.stale === true) return this.#backoff.failed(askedAt);
    this.#backoff.succeeded();
    this.#asked = false;
    if (!this.#leases.answered(request, answer, askedAt)) this.#backoff.failed(askedAt);
    const { grant } = answer;
    this.#told = toldBy(request, grant, askedAt, { holding: this.#has.holding, groups: this.#has.held() ?? new Map() });
    this.#leasedAt = askedAt;
    this.#leaseUntil = askedAt + grant.leaseMs;
    this.#apply(grant);
  }

  /** `request` did not reach the coordinator, or its answer was lost: asked again after a pause. */
  failed(request: SyncRequest, now: number): void {
    if (this.#flight?.request.seq !== request.seq) return;
    this.#flight = null;
    this.#backoff.failed(now);
  }

  /**
   * A push: what is held now, to confirm. Null when it is for another incarnation or older than what is known; where
   * the coordinator thus asks after a life that is over, `due` answers it with a sync.
   */
  pushed(grant: Grant, _now: number, incarnation: string): Confirmation | null {
    if (incarnation !== this.#incarnation) {
      if (incarnation === ANY_INCARNATION || this.#seq === 0) this.#asked = true;
      return null;
    }
    if (grant.version < this.#version) return null;
    this.#apply(grant);
    const { holding, isClosed } = this.#has;
    const groups = this.#has.held();
    // When a token was to come may have changed, too: it is asked again.
    this.#told = { ...this.#told, holding, groups: isClosed ? (groups ?? new Map()) : null, opensAt: new Map() };
    return { version: this.#version, holding, ...(groups === undefined ? {} : { groups }), ...(isClosed ? { closed: true } : {}) };
  }

  #apply(grant: Grant): void {
    if (grant.version <= this.#version) return;
    this.#version = grant.version;
    this.#has.apply(grant);
    this.#short = grant.short === true;
    // What the coordinator counts is at least what it has just granted.
    this.#told = withGrant(this.#told, grant);
  }

  /** From when on a sync is due, given what is wanted; infinite: not before something happens. */
  #dueAt(now: number, wanting: number): number {
    if (this.#asked || this.#leases.isWanted(now)) return now;
    const has = this.#has;
    const roomOfCap = this.#cap === null || has.using < this.#cap;
    const wants = wanting > 0 && roomOfCap ? this.#wants : [];
    const starved = wanting > 0 && roomOfCap && this.free(now) === 0;
    if (!this.valid(now)) return starved || has.using > 0 ? now : Number.POSITIVE_INFINITY;
    // A cut is confirmed as far as it can be: at once, then as each run ends.
    if (has.holding < this.#told.holding || has.short.some((group) => has.holdingIn(group) < toldIn(this.#told, group))) return now;
    let at = Number.POSITIVE_INFINITY;
    const atLeast = (moment: number) => (at = Math.min(at, moment));
    if (has.using > 0 || starved) atLeast(this.#leasedAt + renewAfterMs);
    for (const group of wants) atLeast(askAt(this.#told, has, { now, group, free: this.free(now), urgency: this.#urgency }));
    if (this.#short) {
      const overstated = this.#told.wanting > 0 && this.#urgency > this.#told.urgency;
      if (overstated || (wanting === 0 && has.slots > has.using)) atLeast(this.#told.at + refineMs);
    }
    const idle = has.short.some((group) => (wanting === 0 || !this.#wants.has(group)) && has.isIdle(group));
    if (idle) atLeast(this.#told.at + refineMs);
    atLeast(Math.max(this.#stuck.dueAt, this.#told.at + refineMs));
    return at;
  }

  #request(now: number, wanting: Demand[], pending: ReadonlyMap<string, number>): SyncRequest {
    const has = this.#has;
    // A lapsed grant is void, and where slots are short the unused ones go back: both are kept to from here on, answered or not.
    if (!this.valid(now)) has.empty();
    else if (this.#short && wanting.length === 0) has.giveBack();
    for (const group of has.short) if (!this.#wants.has(group)) has.giveBackIn(group);
    this.#stuck.giveBack(has, now);
    this.#seq += 1;
    const leaseMs = this.#leases.ask(now);
    const groups = has.report(pending, now);
    const request: SyncRequest = {
      holder: this.#holder,
      incarnation: this.#incarnation,
      aliveMs: Math.max(0, now - this.#bornAt),
      seq: this.#seq,
      version: this.#version,
      holding: has.holding,
      using: has.using,
      wanting,
      ...(groups === undefined ? {} : { groups }),
      ...(has.isClosed ? { closed: true } : {}),
      cap: this.#cap,
      ...(leaseMs === null ? {} : { leaseMs }),
    };
    this.#flight = { request, at: now };
    return request;
  }
}
