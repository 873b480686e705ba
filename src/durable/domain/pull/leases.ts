import type { Store } from "../store.ts";

/** A pull worker's hold on one task; a row of `leases`. */
export interface Lease {
  readonly id: string;
  readonly task: number;
  readonly worker: string;
  /** Of its task. */
  readonly group: string | null;
  /** When it was claimed. */
  readonly at: number;
  until: number;
  /** How long each renewal lasts, in ms. */
  readonly length: number;
  /** Its worker was told to stop for a pause: it is not held any longer, and nothing of it is charged. */
  stopped?: true;
  /** It was told so for more urgent work: of this domain, or elsewhere, so that its slot goes back to the coordinator. */
  yields?: "here" | "away";
}

/** The leases that are out, as rows and in memory: by id, which is the fence, and by task. */
export class Leases {
  private readonly byId = new Map<string, Lease>();
  private readonly byTask = new Map<number, Lease>();
  /** No lease ends later; it falls back only when none is out. */
  private furthest = 0;

  get size(): number {
    return this.byId.size;
  }

  /** The furthest end there may be, or null when none is out. */
  get end(): number | null {
    return this.byId.size === 0 ? null : this.furthest;
  }

  /** The end of the one that ends first, or null. */
  next(): number | null {
    let next = Infinity;
    for (const { until } of this.byId.values()) next = Math.min(next, until);
    return next === Infinity ? null : next;
  }

  get(id: string): Lease | undefined {
    return this.byId.get(id);
  }

  ofTask(task: number): Lease | undefined {
    return this.byTask.get(task);
  }

  all(): IterableIterator<Lease> {
    return this.byId.values();
  }

  /** Memory from storage. */
  load(store: Store): void {
    this.byId.clear();
    this.byTask.clear();
    this.furthest = 0;
    for (const row of store.exec<Lease & Record<string, SqlStorageValue>>(
      'SELECT id, task, worker, at, until, length, (SELECT grp FROM tasks WHERE tasks.id = leases.task) AS "group" FROM leases',
    ))
      this.note({ ...row });
  }

  insert(store: Store, lease: Lease): void {
    const { id, task, worker, at, until, length } = lease;
    store.exec("INSERT INTO leases (id, task, worker, at, until, length) VALUES (?, ?, ?, ?, ?, ?)", id, task, worker, at, until, length);
    this.note(lease);
  }

  extend(store: Store, lease: Lease, until: number): void {
    store.exec("UPDATE leases SET until = ? WHERE id = ?", until, lease.id);
    lease.until = until;
    this.furthest = Math.max(this.furthest, until);
  }

  remove(store: Store, lease: Lease): void {
    store.exec("DELETE FROM leases WHERE id = ?", lease.id);
    this.byId.delete(lease.id);
    this.byTask.delete(lease.task);
    if (this.byId.size === 0) this.furthest = 0;
  }

  private note(lease: Lease): void {
    this.byId.set(lease.id, lease);
    this.byTask.set(lease.task, lease);
    this.furthest = Math.max(this.furthest, lease.until);
  }
}
