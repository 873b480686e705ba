import { toRanges } from "../../../policy/ranges.ts";
import type { AbortReason, RunControl } from "../../protocol.ts";
import type { Subject } from "../history/chronicle.ts";
import type { StoredRun } from "../state.ts";

/** A stub of the runner: what it offers, and that it can be let go. */
export type ControlStub = RunControl & Partial<Disposable>;

/**
 * A run under way, in memory; the state row names it, so that the next incarnation knows of it. Its first
 * unsettled task is the one that executes, the others wait their turn inside it.
 */
export class Run {
  readonly id: string;
  /** When it was dispatched; for people and for K, by the object's clock. */
  readonly startedAt: number;
  readonly version: string;
  /** All of its tasks are of this group; null: of none. */
  readonly group: string | null;
  /** Ids not settled yet, in the order of their execution. */
  readonly open: Set<number>;
  /** How many tasks of each type it executes: those it began with, less what was recalled. */
  readonly types = new Map<string, number>();
  /** Reasons to stop, kept until the runner can be told. */
  readonly aborts = new Map<number, AbortReason>();
  /** Tasks of it that have children, before their `finalize`. */
  readonly parents = new Set<number>();
  /** Tasks of it that are children, each with its parent's id. */
  readonly kin = new Map<number, string>();
  /** Those that have said that they go on to `finalize`: they take no children any more. */
  readonly finalizing = new Set<number>();
  /** What events say of its tasks, and how long each may take. */
  readonly subjects = new Map<number, Subject & { timeoutMs?: number }>();
  /** The task of which it was told last that it has started. */
  announced: number | undefined;
  /** Of the task that executes: since when it should have stopped, and whether that was told. */
  overrun: { id: number; stoppedAt?: number; isTold?: boolean } | undefined;
  control: ControlStub | undefined;
  recalling = false;
  /** When its first unsettled task began: at dispatch, or when the one before it was settled. */
  currentSince: number;
  renewedAt: number;
  /** Set while nobody speaks for it: put back when this moment comes, unless its runner calls in. */
  orphanUntil: number | undefined;
  /** It was told to stop for more urgent work: of this domain, or elsewhere, so that its slot goes back to the coordinator. */
  yields: "here" | "away" | undefined;
  /** Over: late answers count for nothing. */
  closed = false;

  constructor(id: string, startedAt: number, version: string, ids: Iterable<number>, group: string | null = null) {
    this.id = id;
    this.startedAt = startedAt;
    this.currentSince = startedAt;
    this.renewedAt = startedAt;
    this.version = version;
    this.group = group;
    this.open = new Set(ids);
  }

  /** As the state row names it. */
  stored(): StoredRun {
    const { open, startedAt, version, group } = this;
    return { ids: toRanges(open), at: startedAt, version, ...(group === null ? {} : { group }) };
  }

  /** Notes the place of one of its tasks in a family. */
  relate(id: number, parent: string | null | undefined, isParent: boolean): void {
    if (parent) this.kin.set(id, parent);
    if (isParent) this.parents.add(id);
  }

  /** The id that executes now. */
  get current(): number | undefined {
    return this.open.values().next().value;
  }

  /** It is over. */
  release(): void {
    this.closed = true;
    this.letGo();
  }

  /** Lets the runner's stub go: the one place that does. */
  letGo(): void {
    this.control?.[Symbol.dispose]?.();
    this.control = undefined;
  }
}
