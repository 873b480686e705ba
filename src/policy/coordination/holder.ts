import { invariant } from "../errors.ts";
import { ANY_INCARNATION, COORDINATION, type Demand, type Grant, type SyncAnswer, type SyncRequest } from "./protocol.ts";

const { renewAfterMs, reaskMs, refineMs, backoffMinMs, backoffMaxMs, requestTimeoutMs, untilStepMs } = COORDINATION;

/** What the coordinator last heard, as far as the holder knows. */
interface Told {
  at: number;
  /** Slots: what the coordinator counts for this holder unless it has raised since. */
  holding: number;
  /** Wanted beyond what was in use, in all. */
  wanting: number;
  /** The most urgent priority wanted; 256: none. */
  urgency: number;
  /** Whether the answer left some of it open: the coordinator knows, and will push. */
  unmet: boolean;
}

interface Flight {
  request: SyncRequest;
  at: number;
}

const mostUrgent = (wanting: Demand[]) => wanting.reduce((best, demand) => Math.min(best, demand.priority), 256);

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
  #using = 0;
  #slots = 0;
  #version = 0;
  #seq = 0;
  #cap: number | null = null;
  #leaseUntil = Number.NEGATIVE_INFINITY;
  /** When the request was sent whose answer gave the lease. */
  #leasedAt = Number.NEGATIVE_INFINITY;
  #short = false;
  #asked = false;
  #told: Told = { at: Number.NEGATIVE_INFINITY, holding: 0, wanting: 0, urgency: 256, unmet: false };
  #flight: Flight | null = null;
  /** The most urgent priority wanted when `due` was last asked. */
  #urgency = 256;
  #failures = 0;
  #failedAt = 0;
  /** The furthest end of a lease that is out, or null. */
  #leasesEnd: number | null = null;
  /** The furthest end of a lease that somebody waits for; reset by every answer. */
  #leaseWanted = Number.NEGATIVE_INFINITY;
  /** Until when the coordinator keeps the slots of leases. */
  #leasedUntil = Number.NEGATIVE_INFINITY;

  /** @param options the domain's name, and what is random in each life of its object */
  constructor(options: { holder: string; incarnation: string }) {
    this.#holder = options.holder;
    this.#incarnation = options.incarnation;
  }

  /** Slots occupied now: runs under way, orphans of an earlier incarnation included. */
  get using(): number {
    return this.#using;
  }

  /** Whether a request is under way. */
  get asking(): boolean {
    return this.#flight !== null;
  }

  /** Slots of the last grant, used or not; what the snapshot shows. Only `free` says what may be taken. */
  get granted(): number {
    return this.#slots;
  }

  /** Slots of a valid grant that may be taken at `now` (ms): 0 without a valid lease; at most the domain's own cap. */
  free(now: number): number {
    if (!this.valid(now)) return 0;
    return Math.max(0, Math.min(this.#slots, this.#cap ?? Number.POSITIVE_INFINITY) - this.#using);
  }

  /** A run starts, or an orphan is counted at wake. The caller has asked `free` in the same turn. */
  occupy(): void {
    this.#using += 1;
  }

  /** A run has ended. */
  vacate(): void {
    invariant(this.#using > 0, "a slot was vacated that nobody occupied");
    this.#using -= 1;
  }

  /** The coordinator is to be asked at once, whatever is known of it. */
  ask(): void {
    this.#asked = true;
  }

  /** The furthest end (ms) of a lease that is out, or null when none is. Said before `due` is asked. */
  setLeases(end: number | null): void {
    this.#leasesEnd = end;
  }

  /** Until when leases may last: the coordinator has stored it, so the slots stay theirs however long this object sleeps. */
  get leaseLimit(): number {
    return this.#leasedUntil;
  }

  /** Whether a lease may last until `end` (ms); if not, it is asked for with the next sync, which is due at once. */
  mayLease(end: number): boolean {
    if (end <= this.#leasedUntil) return true;
    this.#leaseWanted = Math.max(this.#leaseWanted, end);
    return false;
  }

  /** The domain's own cap, or null; holds at once. Lowering it ends no run. */
  setCap(cap: number | null): void {
    this.#cap = cap;
  }

  /** Whether the grant is valid at `now` (ms), and so whether leases of runs may be renewed. */
  valid(now: number): boolean {
    return now < this.#leaseUntil;
  }

  /**
   * The request to send now, or null when nothing is due. `wanting` is what is ready beyond `free`. What it
   * returns counts as under way until `answered` or `failed`, or for 20 s; meanwhile nothing is due.
   */
  due(now: number, wanting: Demand[]): SyncRequest | null {
    if (this.#flight !== null && now < this.#flight.at + requestTimeoutMs) return null;
    if (this.#flight !== null) this.failed(this.#flight.request, now);
    if (now < this.#retryAt()) return null;
    const total = wanting.reduce((sum, demand) => sum + demand.count, 0);
    this.#urgency = mostUrgent(wanting);
    if (now < this.#dueAt(now, total)) return null;
    return this.#request(now, wanting, total);
  }

  /**
   * When `due` should be asked again although nothing happened: renewal while runs are open, asking again while
   * starved, giving back while slots are short, back-off after failures. Null: not at all.
   */
  nextAt(now: number, wanting: boolean): number | null {
    if (this.#flight !== null) return this.#flight.at + requestTimeoutMs;
    const at = Math.max(this.#dueAt(now, wanting ? 1 : 0), this.#retryAt());
    return at === Number.POSITIVE_INFINITY ? null : Math.max(at, now);
  }

  /** The coordinator has answered `request`, which was sent at `askedAt` (ms): the lease counts from there. */
  answered(request: SyncRequest, answer: SyncAnswer, askedAt: number): void {
    if (this.#flight?.request.seq !== request.seq) return;
    this.#flight = null;
    if (answer.stale === true) return this.#noteFailure(askedAt);
    this.#failures = 0;
    this.#asked = false;
    this.#leaseWanted = Number.NEGATIVE_INFINITY;
    if (request.leaseMs !== undefined && answer.leased === true) this.#leasedUntil = Math.max(this.#leasedUntil, askedAt + request.leaseMs);
    if (request.leaseMs !== undefined && answer.leased !== true) this.#noteFailure(askedAt);
    const { grant } = answer;
    const total = request.wanting.reduce((sum, demand) => sum + demand.count, 0);
    const useful = Math.min(request.using + total, request.cap ?? Number.POSITIVE_INFINITY);
    this.#told = {
      at: askedAt,
      // What a push raised since the request was sent is known there, too.
      holding: Math.max(request.holding, this.#holding()),
      wanting: total,
      urgency: mostUrgent(request.wanting),
      unmet: grant.slots < useful,
    };
    if (askedAt > this.#leasedAt) {
      this.#leasedAt = askedAt;
      this.#leaseUntil = askedAt + grant.leaseMs;
    }
    this.#apply(grant);
  }

  /** `request` did not reach the coordinator, or its answer was lost: asked again after a pause. */
  failed(request: SyncRequest, now: number): void {
    if (this.#flight?.request.seq !== request.seq) return;
    this.#flight = null;
    this.#noteFailure(now);
  }

  /**
   * A push: what is held now, to confirm. Null when it is for another incarnation or older than what is known; where
   * the coordinator thus asks after a life that is over, `due` answers it with a sync.
   */
  pushed(grant: Grant, _now: number, incarnation: string): { version: number; holding: number } | null {
    if (incarnation !== this.#incarnation) {
      if (incarnation === ANY_INCARNATION || this.#seq === 0) this.#asked = true;
      return null;
    }
    if (grant.version < this.#version) return null;
    this.#apply(grant);
    const holding = this.#holding();
    this.#told.holding = holding;
    return { version: this.#version, holding };
  }

  #holding(): number {
    return Math.max(this.#slots, this.#using);
  }

  #apply(grant: Grant): void {
    if (grant.version <= this.#version) return;
    this.#version = grant.version;
    this.#slots = grant.slots;
    this.#short = grant.short === true;
    // What the coordinator counts is at least what it has just granted.
    this.#told.holding = Math.max(this.#told.holding, grant.slots);
  }

  #noteFailure(now: number): void {
    this.#failures += 1;
    this.#failedAt = now;
  }

  #retryAt(): number {
    if (this.#failures === 0) return Number.NEGATIVE_INFINITY;
    return this.#failedAt + Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(10, this.#failures - 1));
  }

  /** From when on a sync is due, given what is wanted; infinite: not before something happens. */
  #dueAt(now: number, wanting: number): number {
    if (this.#asked || this.#leaseWanted > Math.max(now, this.#leasedUntil)) return now;
    const roomOfCap = this.#cap === null || this.#using < this.#cap;
    const starved = wanting > 0 && roomOfCap && this.free(now) === 0;
    if (!this.valid(now)) return starved || this.#using > 0 ? now : Number.POSITIVE_INFINITY;
    // A cut is confirmed as far as it can be: at once, then as each run ends.
    if (this.#holding() < this.#told.holding) return now;
    let at = Number.POSITIVE_INFINITY;
    const atLeast = (moment: number) => (at = Math.min(at, moment));
    if (this.#using > 0 || starved) atLeast(this.#leasedAt + renewAfterMs);
    if (starved) {
      const known = this.#told.unmet && this.#urgency >= this.#told.urgency;
      atLeast(known ? this.#told.at + (this.#slots === 0 ? reaskMs : renewAfterMs) : now);
    }
    if (this.#short) {
      const idle = wanting === 0 && this.#slots > this.#using;
      const overstated = this.#told.wanting > 0 && this.#urgency > this.#told.urgency;
      if (idle || overstated) atLeast(this.#told.at + refineMs);
    }
    return at;
  }

  #request(now: number, wanting: Demand[], total: number): SyncRequest {
    // A lapsed grant is void, and where slots are short the unused ones go back: both are kept to from here on, answered or not.
    if (!this.valid(now)) this.#slots = Math.min(this.#slots, this.#using);
    else if (this.#short && total === 0) this.#slots = Math.min(this.#slots, this.#using);
    this.#seq += 1;
    const request: SyncRequest = {
      holder: this.#holder,
      incarnation: this.#incarnation,
      seq: this.#seq,
      version: this.#version,
      holding: this.#holding(),
      using: this.#using,
      wanting,
      cap: this.#cap,
    };
    const leaseMs = this.#leaseMs(now);
    if (leaseMs !== null) request.leaseMs = leaseMs;
    this.#flight = { request, at: now };
    return request;
  }

  /** How long leases may be out, in steps, so that not every renewal asks; null when none is out or wanted: then what was promised is given up here and now. */
  #leaseMs(now: number): number | null {
    const end = Math.max(this.#leasesEnd ?? Number.NEGATIVE_INFINITY, this.#leaseWanted);
    if (this.#leasesEnd === null && this.#leaseWanted <= now) {
      this.#leasedUntil = Number.NEGATIVE_INFINITY;
      return null;
    }
    return Math.max(0, end <= this.#leasedUntil ? this.#leasedUntil - now : end - now + untilStepMs);
  }
}
