import { addIo, type IoByAxis, parseIo, showIo } from "../../../policy/io.ts";
import { IoMeter, type Overdraft } from "../../../policy/io-meter.ts";
import type { Core } from "../core.ts";
import { countDenied } from "./held.ts";
import { kindOf } from "../run/ready.ts";
import { readClaimed, type TaskRow } from "../rows.ts";

/** The reason for which the lanes of a type are set aside. */
const HELD = "io";

/**
 * The IO budgets of the domain's types: what runs, with what it expects to move, and how fast such things have moved. A type
 * whose next task does not fit has its lanes set aside until something of it has ended.
 */
export class Budgets {
  private readonly core: Core;
  private readonly types = new Map<string, IoByAxis>();
  /** What each task under way expects. */
  private readonly running = new Map<number, IoByAxis>();
  /** Types set aside. */
  private readonly held = new Set<string>();
  private meter = new IoMeter();

  constructor(core: Core) {
    this.core = core;
    for (const { name, io } of core.definition?.types.values() ?? []) if (io !== undefined) this.types.set(name, parseIo(io));
  }

  /** Whether a type has a budget, and so lanes of its own. */
  has(type: string): boolean {
    return this.types.has(type);
  }

  /** What of its budget keeps a type's next task from starting. */
  overdraft(type: string): Overdraft | undefined {
    const expected = this.types.get(type);
    return expected && this.meter.overdraft(expected);
  }

  /** Whether one may start. One that may not has its type set aside. */
  admits(type: string): boolean {
    if (this.overdraft(type) === undefined) return true;
    // Its first task that does not fit; those behind it are not looked at.
    if (!this.held.has(type)) countDenied(this.core, "io");
    this.held.add(type);
    this.core.lanes.holdKind(kindOf(this.core, type), HELD);
    return false;
  }

  /** A task is under way. Part of a transaction. */
  begin(id: number, type: string, now: number): void {
    const expected = this.types.get(type);
    if (!expected || this.running.has(id)) return;
    this.running.set(id, expected);
    this.meter.begin(expected, now);
  }

  /** It is not any more; `actual`: what it recorded. Part of a transaction. */
  end(id: number, now: number, actual?: IoByAxis): void {
    const expected = this.running.get(id);
    if (!expected) return;
    this.running.delete(id);
    if (this.meter.end(expected, now, actual)) this.core.touch().io = this.meter.rates;
  }

  /** Types whose next task fits by now are ready again. */
  refresh(): void {
    for (const type of this.held) {
      if (this.overdraft(type) !== undefined) continue;
      this.held.delete(type);
      this.core.lanes.releaseKind(kindOf(this.core, type), HELD);
    }
  }

  /** What is under way by storage, once runs and leases are known there; lanes that are made anew hold nothing. */
  load(now: number): void {
    const { claims, leases, store, state } = this.core;
    this.meter = new IoMeter(state.io);
    this.running.clear();
    this.held.clear();
    if (this.types.size === 0 || claims.size + leases.size === 0) return;
    const ids = [...claims.keys(), ...[...leases.all()].map(({ task }) => task)];
    for (const { id, type } of readClaimed(store, ids)) this.begin(id, type, now);
  }
}

/** What its executions have recorded so far. */
export const recordedIo = ({ io }: Pick<TaskRow, "io">): IoByAxis | null => (io === null ? null : (JSON.parse(io) as IoByAxis));

/** What an execution adds to that, for its row. */
export const ioChange = (row: Pick<TaskRow, "io">, io: IoByAxis | undefined): Partial<TaskRow> =>
  io === undefined ? {} : { io: JSON.stringify(addIo(recordedIo(row) ?? {}, showIo(io) ?? {})) };
