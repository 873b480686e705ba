import type { TypeDefinition } from "../../../domains/definition.ts";
import { everyMsOf, ROUND_PAYLOAD } from "../../../domains/singleton.ts";
import { fail } from "../../../policy/errors.ts";
import { taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { failuresAfter, nextRoundMs } from "../../../policy/rounds.ts";
import { STATUS_CODE, type TerminalStatus } from "../../../policy/status.ts";
import { cutUtf8 } from "../../../policy/text.ts";
import type { Core } from "../core.ts";
import { enqueue } from "../submit/enqueue.ts";
import { insertTasks } from "../submit/insert-rows.ts";
import { type NewTask, readTask } from "../rows.ts";
import { insertTags } from "../submit/tag-rows.ts";
import { leaveAside, standAside } from "../gates/turns.ts";

/** The next round of each singleton whose round is among those that ended: in the transaction that ends it, so that none is lost or doubled. */
export function nextRounds(core: Core, to: TerminalStatus, ids: readonly number[], now: number): void {
  for (const [name, round] of Object.entries(core.state.singletons)) {
    if (!ids.includes(round.task)) continue;
    const type = core.definition?.types.get(name);
    core.touch();
    leaveAside(core, round.task);
    if (!type?.singleton) {
      // Gone from the code: the next deploy that brings it back begins anew.
      delete core.state.singletons[name];
      continue;
    }
    round.failures = failuresAfter(round.failures, to);
    const restMs = nextRoundMs(everyMsOf(type.singleton), round.failures);
    round.task = insertRound(core, type, now, now + restMs);
    if (restMs === 0) standAside(core, readTask(core.store, round.task)!, now);
  }
}

/** A round without ttl, deadline or key, whatever the domain's defaults say: it must not end by itself, and nothing collides with it. */
export function insertRound(core: Core, type: TypeDefinition, now: number, at: number): number {
  const { label, tags } = type.singleton!;
  const state = core.touch();
  const { priority, group } = core.defaultsOf(type.name)!;
  const status = at > now ? "scheduled" : "pending";
  const row: NewTask = {
    id: state.nextId++,
    type: type.name,
    status: STATUS_CODE[status],
    priority,
    payload: ROUND_PAYLOAD,
    created_at: now,
    ...(status === "scheduled" ? { run_at: at } : {}),
    ...(group === undefined ? {} : { grp: group }),
    ...(label === undefined ? {} : { label: cutUtf8(label, LIMITS.labelBytesMax) }),
    ...(tags === undefined ? {} : { tags: JSON.stringify(tags) }),
  };
  insertTasks(core.store, [row]);
  if (tags) insertTags(core.store, [{ id: row.id, tags }]);
  core.events.record("task.submitted", [{ id: row.id, type: row.type, label: row.label, tags: row.tags }], { priority });
  enqueue(core, [row]);
  return row.id;
}

/** A task of a singleton's type that is not its round: it was submitted before the type became a singleton. */
export const isStray = (core: Core, type: string, id: number): boolean => (core.state.singletons[type]?.task ?? id) !== id;

/** Why such a task ended, as JSON. */
export const strayError = (core: Core, type: string): string =>
  JSON.stringify({
    name: "SingletonError",
    message: `Not run: ${core.name}::${type} has become a singleton since this task was submitted.`,
  });

/** @throws `invalid_state`: a round that has ended is not run again, there is another */
export function refuseRound(core: Core, type: string, id: number): void {
  const round = core.state.singletons[type];
  if (!round) return;
  const [own, next] = [taskId(core.name, id), taskId(core.name, round.task)];
  throw fail(
    "invalid_state",
    `${own} was a round of the singleton ${core.name}::${type}, of which one lives at a time: ${next}. To have it sooner, run that one now.`,
    { id: own, heldBy: next },
  );
}
