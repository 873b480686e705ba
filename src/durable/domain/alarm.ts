import { LIMITS } from "../../policy/limits.ts";
import type { Core } from "./core.ts";
import { pressureFallsAt } from "./gates/press.ts";

/** What can be due, each with the moment of the earliest; a hint that is too early costs one idle look, never a miss. */
const KINDS = ["due", "expiry", "schedule", "idempotency", "bulk", "lease", "outbox", "purge", "pause", "gate", "rate", "kick"] as const;
type Kind = (typeof KINDS)[number];

/** The least of every due moment, asked of the partial indexes: a row read each, or none. */
const LEAST = `SELECT
  (SELECT min(run_at) FROM tasks WHERE status = 1) AS due,
  (SELECT min(expires_at) FROM tasks WHERE expires_at IS NOT NULL AND status < 10) AS expiry,
  (SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL) AS schedule,
  (SELECT expires_at FROM idempotency ORDER BY id LIMIT 1) AS idempotency,
  (SELECT min(next_at) FROM bulk) AS bulk`;
const STORED = ["due", "expiry", "schedule", "idempotency", "bulk"] as const;

/** How late an alarm may ring before it counts as lost. */
const LATE_MS = 1_000;

/**
 * The object's one alarm: the least of everything that falls due, set only when that comes earlier. It is never set
 * for the moment of the alarm that is running: the platform swallows that silently and the object sleeps for ever.
 */
export class Alarm {
  private readonly storage: DurableObjectStorage;
  private readonly core: Core;
  private readonly at: Record<Kind, number> = {
    due: Infinity,
    expiry: Infinity,
    schedule: Infinity,
    idempotency: Infinity,
    bulk: Infinity,
    lease: Infinity,
    outbox: Infinity,
    purge: Infinity,
    pause: Infinity,
    gate: Infinity,
    rate: Infinity,
    kick: Infinity,
  };
  private armedAt: number | null = null;
  /** Set by this incarnation, not found in storage. */
  private isOwn = false;
  private firedFor = 0;

  constructor(storage: DurableObjectStorage, core: Core) {
    this.storage = storage;
    this.core = core;
  }

  /** What storage says an alarm stands at; a past one counts as none, since it may never fire. */
  found(at: number | null): void {
    this.armedAt = at;
    this.isOwn = false;
  }

  /** `alarm()` runs: nothing stands any more. */
  fired(scheduledTime: number): void {
    this.armedAt = null;
    this.firedFor = scheduledTime;
    this.at.kick = Infinity;
  }

  /** Something falls due at `at`, perhaps earlier than all before. */
  soon(kind: Kind, at: number): void {
    if (at < this.at[kind]) this.at[kind] = at;
  }

  /** A kind's moment, known exactly. */
  set(kind: Kind, at: number | null): void {
    this.at[kind] = at ?? Infinity;
  }

  /** Derives every moment from storage again, and distrusts what stands. */
  recall(): void {
    this.refresh();
    this.armedAt = null;
  }

  /** Derives every moment from storage again: hints that were too early are forgotten. */
  refresh(): void {
    const least = this.core.store.exec<Record<(typeof STORED)[number], number | null>>(LEAST).one();
    for (const kind of STORED) this.set(kind, least[kind]);
    this.set("lease", this.core.leases.next());
    this.set("outbox", this.core.outbox.alarmAt(this.core.clock.now()));
    this.set("gate", this.core.gatekeeper.alarmAt(this.core.clock.now()));
    this.set("pause", this.core.pauses.nextAt(this.core.clock.now()));
    this.set("rate", this.core.rates.alarmAt(this.core.clock.now()));
  }

  /** Sets the alarm when it has to ring earlier than it would; inside the transaction that makes it so. */
  arm(): void {
    const now = this.core.clock.now();
    const least = this.least(now);
    // One that this incarnation has set and that is only late still rings: to set it anew would put it off again and again, a
    // row each time, while somebody submits without a pause.
    const late = this.isOwn ? LATE_MS : 0;
    const stands = this.armedAt !== null && this.armedAt > now - late ? this.armedAt : Infinity;
    if (least >= stands) return;
    const at = Math.max(least, this.firedFor + 1, now + 1);
    if (at >= stands) return;
    void this.storage.setAlarm(at);
    this.armedAt = at;
    this.isOwn = true;
    this.core.state.cost.alarmsSet += 1;
    this.core.state.cost.rowsWritten += 1;
  }

  private least(now: number): number {
    let least = this.core.state.agesAt ?? Infinity;
    for (const kind of KINDS) least = Math.min(least, this.at[kind]);
    for (const run of this.core.runs.values()) if (run.orphanUntil !== undefined) least = Math.min(least, run.orphanUntil);
    // The switch stands while there is work; once it stands it is left alone until it fires.
    least = Math.min(least, pressureFallsAt(this.core, now) ?? Infinity);
    if (this.isBusy) least = Math.min(least, now + LIMITS.deadManMs);
    return least;
  }

  private get isBusy(): boolean {
    const { runs, lanes, pauses } = this.core;
    if (runs.size > 0) return true;
    // What waits behind a flag of the coordinator asks it now and then: it may be gone.
    return !pauses.own && (lanes.readySize > 0 || (lanes.size > 0 && pauses.foreign));
  }
}
