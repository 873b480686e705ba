import type { Demand } from "../../../src/policy/coordination/protocol.ts";

export interface SimTask {
  priority: number;
  at: number;
  ms: number;
  group?: string | null;
}

/** The tasks of one group and one priority, the oldest first. */
interface Line {
  group: string | null;
  priority: number;
  tasks: { task: SimTask; order: number }[];
  /** Those before it have been taken. */
  head: number;
}

/** What waits in a domain: a line for each group and priority, so that thousands cost nothing at each look. */
export class Backlog implements Iterable<SimTask> {
  length = 0;
  #order = 0;
  readonly #lines = new Map<string, Line>();

  push(task: SimTask): void {
    const { group = null, priority } = task;
    const key = `${priority} ${group}`;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = { group, priority, tasks: [], head: 0 }));
    line.tasks.push({ task, order: this.#order++ });
    this.length += 1;
  }

  clear(): void {
    this.#lines.clear();
    this.length = 0;
  }

  /** The task of the least rank, its group's and its priority together, the oldest of those; none of infinite rank. */
  take(rankOf: (group: string | null) => number): SimTask | undefined {
    const ranks = new Map<string | null, number>();
    let best: Line | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const line of this.#waiting()) {
      const base = ranks.get(line.group) ?? rankOf(line.group);
      ranks.set(line.group, base);
      if (base + line.priority >= least) continue;
      best = line;
      least = base + line.priority;
    }
    if (best === undefined) return undefined;
    const { task } = best.tasks[best.head]!;
    best.head += 1;
    this.length -= 1;
    if (best.head === best.tasks.length) this.#lines.delete(`${best.priority} ${best.group}`);
    return task;
  }

  /** What is ready, by group and priority; and how much of each group. */
  demands(now: number): { wanting: Demand[]; pending: Map<string, number> } {
    const groups = new Map<string | null, Demand[]>();
    const pending = new Map<string, number>();
    for (const { group, priority, tasks, head } of this.#waiting()) {
      const count = tasks.length - head;
      const demand = { group, priority, count: Math.min(64, count), oldestMs: Math.max(0, now - tasks[head]!.task.at) };
      groups.set(group, [...(groups.get(group) ?? []), demand]);
      if (group !== null) pending.set(group, (pending.get(group) ?? 0) + count);
    }
    return { wanting: [...groups.values()].flat(), pending };
  }

  *[Symbol.iterator](): Iterator<SimTask> {
    for (const { tasks, head } of this.#lines.values()) for (const { task } of tasks.slice(head)) yield task;
  }

  /** The lines by their oldest task. */
  #waiting(): Line[] {
    return [...this.#lines.values()].sort((one, other) => one.tasks[one.head]!.order - other.tasks[other.head]!.order);
  }
}
