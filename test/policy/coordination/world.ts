import { Holder } from "../../../src/policy/coordination/holder.ts";
import type { Push } from "../../../src/policy/coordination/ledger-options.ts";
import { Ledger } from "../../../src/policy/coordination/ledger.ts";
import type { MarkRow } from "../../../src/policy/coordination/mark.ts";
import { capOf, type GroupPolicy, NO_GROUPS } from "../../../src/policy/coordination/groups.ts";
import type { RateRow } from "../../../src/policy/coordination/taps.ts";
import { Backlog } from "./backlog.ts";
import { ANY_INCARNATION, COORDINATION, type Grant, type SyncRequest } from "../../../src/policy/coordination/protocol.ts";

/** Mulberry32: a seed gives the same world again. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Event {
  at: number;
  order: number;
  action: () => void;
}

/** Virtual time. */
class Timeline {
  now = 0;
  steps = 0;
  #order = 0;
  #heap: Event[] = [];

  after(ms: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ at: this.now + Math.max(0, ms), order: this.#order++, action });
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child]!, heap[parent]!)) break;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  /** Runs one event; false when none is left before `until`. */
  step(until: number): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > until) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let parent = 0; ;) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
        }
        if (least === parent) break;
        [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
        parent = least;
      }
    }
    this.now = first.at;
    this.steps += 1;
    first.action();
    return true;
  }
}

const before = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order);

export interface Weather {
  drop: number;
  duplicate: number;
  /** Share of messages that come up to a minute late, to whoever is there by then. */
  late: number;
  delayMs: number;
  /** Longest way of a message between object and runner; under the coordinator's slack. */
  runnerMs: number;
}

export const STORM: Weather = { drop: 0.12, duplicate: 0.1, late: 0.05, delayMs: 400, runnerMs: 1_500 };
export const CALM: Weather = { drop: 0, duplicate: 0, late: 0, delayMs: 20, runnerMs: 10 };

/** One execution somewhere, beyond the reach of everybody but its lease. */
interface Execution {
  id: number;
  domain: SimDomain;
  group: string | null;
  begun: boolean;
  over: boolean;
  leaseUntil: number;
}

/** What a Domain object has in storage, and its present life. */
export interface SimDomain {
  name: string;
  cap: number | null;
  /** When the cap was what: for bounds. */
  caps: { at: number; cap: number }[];
  readonly backlog: Backlog;
  /** Runs in the state row. */
  stored: Map<number, Execution>;
  executing: number;
  life: Life | null;
  lives: number;
  done: number;
  wakeAt: number;
}

interface Life {
  holder: Holder;
  incarnation: string;
  /** Runs counted, with the moment after which they are over for the object unless renewed. */
  open: Map<number, { execution: Execution; overAt: number }>;
}

/** A mill in small: domains, their runs, a coordinator, a network that cannot be trusted. */
export class World {
  readonly time = new Timeline();
  readonly random: () => number;
  weather: Weather = STORM;
  readonly domains: SimDomain[] = [];
  cap: number;
  readonly caps: { at: number; cap: number }[] = [];
  ledger: Ledger | null = null;
  readonly marks = new Map<string, MarkRow>();
  groups: GroupPolicy;
  /** Every setting of groups there was. */
  readonly groupPolicies: { at: number; policy: GroupPolicy }[] = [];
  readonly executingIn = new Map<string, number>();
  readonly peakIn = new Map<string, number>();
  readonly begunIn = new Map<string, number>();
  readonly rates = new Map<string, RateRow>();
  /** What a bucket for the whole mill would hold. */
  readonly #buckets = new Map<string, { level: number; at: number }>();
  rowsWritten = 0;
  calls = 0;
  executing = 0;
  peak = 0;
  begun = 0;
  coordinatorLives = 0;
  #ids = 0;
  /** Coordinator and domains do not share a clock. */
  readonly #offset = 1_000_000_000;

  constructor(seed: number, names: readonly string[], cap: number, groups: GroupPolicy = NO_GROUPS) {
    this.random = dice(seed);
    this.cap = cap;
    this.groups = groups;
    this.groupPolicies.push({ at: 0, policy: groups });
    this.caps.push({ at: 0, cap });
    for (const name of names) {
      this.domains.push({
        name,
        cap: null,
        caps: [{ at: 0, cap: Number.POSITIVE_INFINITY }],
        backlog: new Backlog(),
        stored: new Map(),
        executing: 0,
        life: null,
        lives: 0,
        done: 0,
        wakeAt: Number.POSITIVE_INFINITY,
      });
    }
    this.startCoordinator();
    for (const domain of this.domains) this.wake(domain);
  }

  run(ms: number): void {
    const until = this.time.now + ms;
    while (this.time.step(until)) this.check();
    this.time.now = until;
  }

  /** The law of the ledger: whatever executes is counted there. */
  check(): void {
    if (this.ledger !== null && this.executing > this.ledger.counted) {
      throw new Error(`at ${this.time.now}: ${this.executing} executing, ${this.ledger.counted} counted`);
    }
    for (const [group, executing] of this.executingIn) {
      if (this.ledger !== null && executing > this.ledger.countedIn(group)) {
        throw new Error(`at ${this.time.now}: ${executing} of ${group} executing, ${this.ledger.countedIn(group)} counted`);
      }
    }
  }

  // ── the coordinator ──

  startCoordinator(): void {
    const life = ++this.coordinatorLives;
    this.ledger = new Ledger({
      maxConcurrency: this.cap,
      marks: [...this.marks.values()],
      now: this.#there(),
      groups: this.groups,
      rates: [...this.rates.values()],
    });
    const minute = () => {
      if (life !== this.coordinatorLives || this.ledger === null) return;
      this.ledger.tidy(this.#there());
      this.#flush();
      this.time.after(60_000, minute);
    };
    this.time.after(60_000 * this.random(), minute);
  }

  crashCoordinator(downMs: number): void {
    this.ledger = null;
    this.coordinatorLives += 1;
    this.time.after(downMs, () => this.ledger ?? this.startCoordinator());
  }

  configure(cap: number): void {
    this.cap = cap;
    this.caps.push({ at: this.time.now, cap });
    this.ledger?.configure(cap, this.#there());
    this.#flush();
  }

  configureGroups(policy: GroupPolicy): void {
    this.groups = policy;
    this.groupPolicies.push({ at: this.time.now, policy });
    this.ledger?.configureGroups(policy, this.#there());
    this.#flush();
  }

  #there = () => this.time.now + this.#offset;

  /** Rows first, then what was to be sent. A crash in between loses the messages, never the rows. */
  #flush(): void {
    const ledger = this.ledger;
    if (ledger === null) return;
    const { put, remove } = ledger.takeMarks();
    for (const row of put) this.marks.set(row.domain, row);
    for (const domain of remove) this.marks.delete(domain);
    const rates = ledger.takeRates();
    for (const row of rates) this.rates.set(row.group, row);
    this.rowsWritten += rates.length + put.length + remove.length;
    for (const push of ledger.takePushes(this.#there())) this.#push(push);
    const at = ledger.nextAt();
    if (at !== null) {
      const life = this.coordinatorLives;
      this.time.after(Math.max(1, at - this.#there()), () => {
        if (life !== this.coordinatorLives || this.ledger === null || this.ledger.nextAt() === null) return;
        if ((this.ledger.nextAt() ?? 0) > this.#there()) return;
        this.ledger.tick(this.#there());
        this.#flush();
      });
    }
  }

  #push(push: Push): void {
    const life = this.coordinatorLives;
    this.calls += 1;
    const domain = this.domains.find((each) => each.name === push.domain)!;
    this.deliver(() => {
      // A call to an object that is not in memory wakes it.
      if (domain.life === null && domain.wakeAt <= this.time.now) this.wake(domain);
      const answer = domain.life?.holder.pushed(push.grant as Grant, this.time.now, push.incarnation) ?? null;
      this.pump(domain);
      this.deliver(() => {
        if (life !== this.coordinatorLives || this.ledger === null) return;
        this.ledger.confirmed(push, answer, this.#there());
        this.#flush();
      });
    });
  }

  // ── the network ──

  deliver(action: () => void): boolean {
    const { drop, duplicate, late, delayMs } = this.weather;
    if (this.random() < duplicate) this.time.after(this.random() * delayMs * 8, action);
    if (this.random() < drop) return false;
    this.time.after(this.random() < late ? this.random() * 60_000 : this.random() * delayMs, action);
    return true;
  }

  // ── domains ──

  wake(domain: SimDomain): void {
    if (domain.life !== null) return;
    const incarnation = `${domain.name}-${++domain.lives}-${this.random()}`;
    if (incarnation === ANY_INCARNATION) throw new Error("unlikely");
    const life: Life = { holder: new Holder({ holder: domain.name, incarnation }), incarnation, open: new Map() };
    domain.life = life;
    life.holder.setCap(domain.cap);
    for (const execution of domain.stored.values()) {
      life.holder.occupy(execution.group);
      life.open.set(execution.id, { execution, overAt: this.time.now + COORDINATION.runOverMs });
    }
    const beat = () => {
      if (domain.life !== life) return;
      this.#renew(domain, life);
      this.pump(domain);
      this.time.after(1_000, beat);
    };
    this.time.after(1_000, beat);
    this.pump(domain);
  }

  crash(domain: SimDomain, downMs: number): void {
    domain.life = null;
    domain.wakeAt = this.time.now + downMs;
    this.time.after(downMs, () => this.wake(domain));
  }

  setCap(domain: SimDomain, cap: number | null): void {
    domain.cap = cap;
    domain.caps.push({ at: this.time.now, cap: cap ?? Number.POSITIVE_INFINITY });
    domain.life?.holder.setCap(cap);
    this.pump(domain);
  }

  /** Every 3 s in truth; each second here, which is harder on the laws. Orphans are not renewed. */
  #renew(domain: SimDomain, life: Life): void {
    for (const [id, open] of life.open) {
      if (this.time.now >= open.overAt) this.#close(domain, id);
      else if (life.holder.valid(this.time.now) && open.execution.domain.life === life && renewable.get(open.execution) === life) {
        open.overAt = this.time.now + COORDINATION.runOverMs;
        this.time.after(this.random() * this.weather.runnerMs, () => {
          if (!open.execution.over) open.execution.leaseUntil = this.time.now + COORDINATION.runLeaseMs;
          // The answer was lost: the renewal fails, and the object learns of the end from that.
          else if (domain.life === life) this.#close(domain, id);
        });
      }
    }
  }

  #close(domain: SimDomain, id: number): void {
    if (!domain.life?.open.delete(id)) return;
    const group = domain.stored.get(id)?.group ?? null;
    domain.stored.delete(id);
    domain.done += 1;
    domain.life.holder.vacate(group);
  }

  pump(domain: SimDomain): void {
    const life = domain.life;
    if (life === null) return;
    const now = this.time.now;
    while (domain.backlog.length > 0 && life.holder.free(now) > 0) {
      // Groups that have fewer slots than their weight gives them before others.
      const { holder } = life;
      const task = domain.backlog.take((group) =>
        holder.free(now, group) === 0 ? Number.POSITIVE_INFINITY : holder.isOwed(group) ? 0 : 1_000,
      );
      if (task === undefined) break;
      this.#start(domain, life, task.ms, task.group ?? null);
    }
    const { wanting, pending } = domain.backlog.demands(now);
    const request = life.holder.due(now, wanting, pending);
    if (request !== null) this.#send(domain, life, request);
    const at = life.holder.nextAt(now, wanting.length > 0);
    if (at !== null && at - now < 900) this.time.after(Math.max(1, at - now), () => domain.life === life && this.pump(domain));
  }

  #start(domain: SimDomain, life: Life, ms: number, group: string | null): void {
    life.holder.spend(group, 1, this.time.now);
    if (group !== null) this.#spent(group);
    const execution: Execution = { id: ++this.#ids, domain, group, begun: false, over: false, leaseUntil: 0 };
    domain.stored.set(execution.id, execution);
    life.holder.occupy(group);
    life.open.set(execution.id, { execution, overAt: this.time.now + COORDINATION.runOverMs });
    renewable.set(execution, life);
    // The call to the runner has left: it begins even if the object dies now.
    this.time.after(this.random() * this.weather.runnerMs, () => this.#begin(execution, ms));
  }

  /** The law of a rate limit: one bucket for all. */
  #spent(group: string): void {
    const rate = this.groups.rules.get(group)?.rate;
    if (rate === undefined) return;
    const { now } = this.time;
    const bucket = this.#buckets.get(group) ?? { level: rate.burst, at: now };
    const level = Math.min(rate.burst, bucket.level + ((now - bucket.at) * rate.permits) / rate.perMs) - 1;
    if (level < -1e-6) throw new Error(`at ${now}: a task of ${group} too many, by its rate`);
    this.#buckets.set(group, { level, at: now });
  }

  #count(group: string | null, difference: number): void {
    if (group === null) return;
    const executing = (this.executingIn.get(group) ?? 0) + difference;
    this.executingIn.set(group, executing);
    this.peakIn.set(group, Math.max(this.peakIn.get(group) ?? 0, executing));
    if (difference < 0) return;
    this.begunIn.set(group, (this.begunIn.get(group) ?? 0) + 1);
    const caps = this.groupPolicies.map(({ at, policy }) => ({ at, cap: capOf(policy, group) }));
    const bound = highest(caps, this.time.now - COORDINATION.grantLeaseMs - COORDINATION.slackMs);
    if (executing > bound) throw new Error(`at ${this.time.now}: a run of ${group} began as number ${executing}, its cap is ${bound}`);
  }

  #begin(execution: Execution, ms: number): void {
    const { domain } = execution;
    this.#count(execution.group, 1);
    execution.begun = true;
    execution.leaseUntil = this.time.now + COORDINATION.runLeaseMs;
    this.begun += 1;
    this.executing += 1;
    domain.executing += 1;
    this.peak = Math.max(this.peak, this.executing);
    const bound = highest(this.caps, this.time.now - COORDINATION.grantLeaseMs - COORDINATION.slackMs);
    if (this.executing > bound) throw new Error(`at ${this.time.now}: a run began as number ${this.executing}, the cap is ${bound}`);
    const own = highest(domain.caps, this.time.now - COORDINATION.slackMs);
    if (domain.executing > own)
      throw new Error(`at ${this.time.now}: ${domain.name} began its run number ${domain.executing}, its cap is ${own}`);
    const endsAt = this.time.now + ms;
    const look = () => {
      const due = Math.min(endsAt, execution.leaseUntil);
      if (this.time.now < due) return this.time.after(due - this.time.now, look);
      execution.over = true;
      this.executing -= 1;
      domain.executing -= 1;
      this.#count(execution.group, -1);
      // The answer, or after a broken stub the call by name: it may be lost, then the lease ends it.
      if (this.random() < 1 - this.weather.drop / 3) {
        this.time.after(this.random() * this.weather.runnerMs, () => {
          this.#close(domain, execution.id);
          this.pump(domain);
        });
      }
    };
    look();
  }

  #send(domain: SimDomain, life: Life, request: SyncRequest): void {
    const askedAt = this.time.now;
    this.calls += 1;
    const back = (action: () => void) => () => {
      if (domain.life !== life) return;
      action();
      this.pump(domain);
    };
    const copy = structuredClone(request);
    const arrived = this.deliver(() => {
      if (this.ledger === null) return;
      const answer = this.ledger.sync(structuredClone(copy), this.#there());
      this.#flush();
      this.deliver(back(() => life.holder.answered(request, structuredClone(answer), askedAt)));
    });
    // A lost call fails after a while, or is never heard of again.
    if ((!arrived || this.ledger === null) && this.random() < 0.8) {
      this.time.after(
        this.random() * 3_000,
        back(() => life.holder.failed(request, this.time.now)),
      );
    }
  }
}

/** Which life started an execution: only that one renews it. */
const renewable = new WeakMap<Execution, Life>();

function highest(caps: readonly { at: number; cap: number }[], since: number): number {
  let bound = 0;
  caps.forEach((each, index) => {
    const end = caps[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    if (end >= since) bound = Math.max(bound, each.cap);
  });
  return bound;
}
