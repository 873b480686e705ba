import { verdict, type EdgeKind, type UpstreamEnd } from "../../../policy/dependencies.ts";
import { fail, type MillraceError } from "../../../policy/errors.ts";
import { parseTaskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../../policy/status.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { insertEdges, readStatuses } from "./edges.ts";
import { post } from "../outbox/outbox.ts";
import { endedElsewhere } from "../run/end.ts";
import { dependencyError } from "./release.ts";
import { byDomain, GONE, insertRemotes, nameOf, standIn, upstreamStatus } from "./remotes.ts";
import type { NewTask } from "../rows.ts";

/**
 * The dependencies of one submit: everything is looked up and refused before the first change; then each new task is
 * bound to what it waits for, and the edges are written at once.
 */
export class Dependencies {
  private readonly core: Core;
  private readonly last: ReadonlyMap<string, number>;
  private readonly items: readonly SubmitItem[];
  /** Of a schedule: nobody is there to be refused, so what is gone has failed. */
  private readonly isFiring: boolean;
  /** Statuses of the tasks that are named, and of those that this submit inserts. */
  private readonly statuses: Map<number, number>;
  private readonly awaited = new Set<number>();
  /** Tasks of other domains that nothing here has depended on before. */
  private readonly unseen = new Set<number>();
  private readonly edges: [upstream: number, dependent: number, kind: EdgeKind][] = [];

  /** Undefined where no item depends on anything: most submits. */
  static of(core: Core, items: readonly SubmitItem[], last: ReadonlyMap<string, number>, isFiring = false): Dependencies | undefined {
    return items.some((item) => item.dependsOn) ? new Dependencies(core, items, last, isFiring) : undefined;
  }

  private constructor(core: Core, items: readonly SubmitItem[], last: ReadonlyMap<string, number>, isFiring: boolean) {
    this.core = core;
    this.isFiring = isFiring;
    this.items = items;
    this.last = last;
    const named = this.named();
    this.statuses = readStatuses(core.store, [...named.keys()]);
    for (const [counter, index] of named) {
      // Those of other domains were looked up before (`lookup.ts`).
      if (counter < 0 || this.statuses.has(counter)) continue;
      if (isFiring) {
        this.statuses.set(counter, GONE);
        continue;
      }
      const id = nameOf(core, counter);
      throw this.refuse(index, `There is no task ${id} to depend on: it never existed, or the history's retention has purged it.`, { id });
    }
  }

  /** Every existing task that is named, with the item that does so first. */
  private named(): Map<number, number> {
    const named = new Map<number, number>();
    let edges = 0;
    for (const [index, { dependsOn }] of this.items.entries()) {
      edges += dependsOn?.length ?? 0;
      for (const one of dependsOn ?? []) {
        if (typeof one === "number") this.effective(index, one);
        else named.set(this.counterOf(index, one), named.get(this.counterOf(index, one)) ?? index);
      }
    }
    if (named.size > LIMITS.dependenciesPerCallMax) {
      throw this.refuse(
        0,
        `A call names at most ${LIMITS.dependenciesPerCallMax} existing tasks to depend on; this one names ${named.size}. Put a task between them for each part.`,
      );
    }
    if (edges > LIMITS.edgesPerCallMax)
      throw this.refuse(
        0,
        `The tasks of a batch have at most ${LIMITS.edgesPerCallMax} dependencies together; these have ${edges}. Send several.`,
      );
    return named;
  }

  private counterOf(index: number, id: string): number {
    const parsed = parseTaskId(id);
    if (parsed?.domain === this.core.name) return parsed.counter;
    if (parsed && (this.isFiring || this.core.outside.registry.domains.has(parsed.domain))) return standIn(this.core, parsed);
    throw this.refuse(index, `There is no task ${JSON.stringify(id)} to depend on: this mill has no such domain.`, { id });
  }

  /** The item that stands for item `asked`: of equal keys the last counts. It must come before the one that depends on it. */
  private effective(index: number, asked: number): number {
    const hash = this.items[asked]?.hash;
    const stands = hash === undefined ? asked : this.last.get(hash)!;
    if (asked < index && stands < index) return stands;
    const why = asked < index ? `; of equal keys the last counts, so that stands for ${stands}` : "";
    throw this.refuse(
      index,
      `{ "index": ${asked} } names no earlier task of the same batch${why}. A task depends on one that stands before it.`,
      { index: asked },
    );
  }

  private path(index: number): string {
    return this.items.length === 1 ? "dependsOn" : `tasks.${index}.dependsOn`;
  }

  private refuse(index: number, message: string, facts: Record<string, unknown> = {}): MillraceError {
    return fail("invalid_dependency", message, { ...facts, issues: [{ path: this.path(index), message }] });
  }

  /**
   * Binds a new row: it is blocked while one of its dependencies lives, and ends at once when one has failed already.
   * Answers with its upstreams.
   */
  bind(index: number, row: NewTask, now: number, idOf: (index: number) => number): ReadonlySet<number> {
    const upstreams = this.bound(index, row, now, idOf);
    // Later items may depend on it.
    this.statuses.set(row.id, row.status);
    return upstreams;
  }

  private bound(index: number, row: NewTask, now: number, idOf: (index: number) => number): ReadonlySet<number> {
    const { dependsOn, onDependencyFailure: kind = "cancel" } = this.items[index]!;
    const upstreams = new Set(
      (dependsOn ?? []).map((one) => (typeof one === "number" ? idOf(this.effective(index, one)) : this.counterOf(index, one))),
    );
    if (upstreams.size === 0) return upstreams;
    row.options = JSON.stringify({
      ...(row.options ? (JSON.parse(row.options) as object) : {}),
      dependsOn: [...upstreams],
      ...(kind === "cancel" ? {} : { onDependencyFailure: kind }),
    });
    let isBlocked = false;
    for (const upstream of upstreams) {
      this.edges.push([upstream, row.id, kind]);
      if (upstream < 0 && !this.statuses.has(upstream)) this.unseen.add(upstream);
      const status = this.statuses.get(upstream) ?? STATUS_CODE.pending;
      if (status < FIRST_TERMINAL_CODE) isBlocked = true;
      else if (verdict(kind, upstreamStatus(status) as UpstreamEnd) === "fails") this.fails(row, upstream, kind, status, now);
    }
    if (row.status >= FIRST_TERMINAL_CODE) return upstreams;
    if (!isBlocked) return upstreams;
    row.status = STATUS_CODE.blocked;
    for (const upstream of upstreams) {
      if ((this.statuses.get(upstream) ?? 0) >= FIRST_TERMINAL_CODE) continue;
      this.core.upstreams.add(upstream);
      this.awaited.add(upstream);
    }
    return upstreams;
  }

  private fails(row: NewTask, upstream: number, kind: EdgeKind, status: number, now: number): void {
    if (row.status === STATUS_CODE.dependency_failed) return;
    row.status = STATUS_CODE.dependency_failed;
    row.finished_at = now;
    row.error = dependencyError(nameOf(this.core, upstream), upstreamStatus(status), kind);
    delete row.held;
  }

  /** An item took the place of a task: that one has ended, and others may have with it. */
  look(): void {
    for (const [id, status] of readStatuses(this.core.store, [...this.statuses.keys()])) this.statuses.set(id, status);
  }

  /** Writes the edges, and asks other domains to tell how their tasks end. */
  write(): void {
    const { core } = this;
    if (this.unseen.size > 0) insertRemotes(core, [...this.unseen]);
    for (const [domain, counters] of byDomain(core, this.unseen)) post(core, domain, "watch", counters);
    insertEdges(core.store, this.edges);
    core.touch().edges += this.edges.length;
    for (const id of this.awaited) if (!core.upstreams.has(id)) this.endedMeanwhile(id);
  }

  /** One that gave way to its own dependent; or got new content that fails by what it depends on. */
  private endedMeanwhile(id: number): void {
    const status = this.statuses.get(id)!;
    const end = status < FIRST_TERMINAL_CODE ? "superseded" : upstreamStatus(status);
    this.core.upstreams.add(id);
    endedElsewhere(this.core, end as UpstreamEnd, [id], false);
  }
}
