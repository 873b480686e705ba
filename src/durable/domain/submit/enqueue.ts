import { statusFromCode } from "../../../policy/status.ts";
import { errorFact } from "../history/chronicle.ts";
import { countSubmitted } from "../look/figures.ts";
import type { Core } from "../core.ts";
import { noteRetention } from "../history/retention.ts";
import { lifeOf, type NewTask } from "../rows.ts";

/** Counts new rows, and puts the pending ones into the order: neighbours of one level at once. */
export function enqueue(core: Core, rows: readonly NewTask[]): void {
  const { counts, totals } = core.state;
  totals.inserted += rows.length;
  countSubmitted(core, rows);
  let first = 0;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index]!;
    const status = statusFromCode(row.status);
    counts[status] += 1;
    if (status === "scheduled") core.alarm.soon("due", row.run_at!);
    if (status === "dependency_failed") {
      totals.dependency_failed += 1;
      noteRetention(core, row.created_at);
      core.events.record("task.dependency_failed", [
        { id: row.id, type: row.type, label: row.label, tags: row.tags, facts: errorFact(row.error) },
      ]);
      if (row.parent) core.families.childEnded(row.parent, row.id, status, lifeOf({ options: row.options ?? null }));
    }
    const next = rows[index + 1];
    const joins =
      next &&
      next.id === row.id + 1 &&
      next.priority === row.priority &&
      next.type === row.type &&
      next.status === row.status &&
      next.grp === row.grp &&
      next.fair === row.fair;
    if (joins) continue;
    if (status === "pending") core.lanes.add(core.laneOf(row), row.priority, rows[first]!.id, row.id);
    first = index + 1;
  }
}
