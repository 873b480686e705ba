import type { TypeDefinition } from "../../domains/definition.ts";
import type { AbortReason, RunOutcome, RunTask } from "../../durable/protocol.ts";
import { fail } from "../../policy/errors.ts";
import { addIo, showIo } from "../../policy/io.ts";
import { LIMITS } from "../../policy/limits.ts";
import { didYouMean } from "../../policy/names.ts";
import { fullId, logOf, TaskContext } from "./context.ts";
import { Execution } from "./execution.ts";
import { completed, describe, failed, refused, stopped } from "./outcome.ts";
import { parse } from "./schema.ts";
import type { Scope } from "./scope.ts";

/**
 * One task from stored payload to outcome. Never rejects, and never returns while user code of the task still runs, but
 * for an `onCancel` that outlasts its 30 s. `watch` is told what is under way: the execution, then its hook.
 */
export async function execute(execution: Execution, scope: Scope, watch: (execution: Execution) => void): Promise<RunOutcome> {
  const outcome = await perform(execution, scope, watch);
  if (execution.io) outcome.io = execution.io;
  if (!outcome.ok && isCharged(outcome.aborted)) logOf(execution, scope).warn("The attempt failed.", { error: outcome.error });
  return outcome;
}

/** Whether an execution that failed counts as an attempt; others were stopped, and are nobody's fault. */
const isCharged = (aborted: AbortReason | undefined): boolean => aborted === undefined || aborted === "timeout" || aborted === "deadline";

async function perform(execution: Execution, scope: Scope, watch: (execution: Execution) => void): Promise<RunOutcome> {
  const { task } = execution;
  const type = scope.definition?.types.get(task.type);
  let outcome: RunOutcome;
  try {
    outcome = type ? await attempt(execution, type, scope) : failed(task.id, unknownType(task, scope));
  } catch (thrown) {
    outcome = failed(task.id, thrown);
  }
  const reason = execution.aborted;
  execution.end();
  if (reason === undefined) return outcome;
  // Work that got done in spite of a pause or of more urgent work stays done: to run it again would only repeat its effects. Of
  // a lost lease the fence decides. A cancelled or overdue task is not completed by a value that came too late.
  if (outcome.ok && (reason === "pause" || reason === "preempt" || reason === "lease")) return outcome;
  if ((reason === "cancel" || reason === "supersede" || reason === "child") && type?.onCancel && execution.begun)
    await hook(execution, type, scope, watch);
  return stopped(task.id, reason, execution.timeoutMs);
}

async function attempt(execution: Execution, type: TypeDefinition, scope: Scope): Promise<RunOutcome> {
  const { task } = execution;
  let input: unknown;
  try {
    input = JSON.parse(task.payload);
  } catch {
    return refused(task.id, "invalid_payload", "The stored payload is not JSON. Submit the task again.");
  }
  if (!type.execute)
    return failed(task.id, new Error(`${scope.domainName}::${task.type} is done by pull workers in this version of the Worker.`));
  const parsing = parse(type.payload, input);
  const payload = parsing instanceof Promise ? await parsing : parsing;
  if (payload.problem !== undefined) {
    const message = `The stored payload does not fit the schema of ${scope.domainName}::${task.type} (any more): ${payload.problem}. Retry the task with another payload.`;
    return refused(task.id, "invalid_payload", message);
  }
  if (execution.aborted !== undefined) return stopped(task.id, execution.aborted, execution.timeoutMs);
  execution.begin(payload.value);
  if (task.finalize) return finish(execution, type, scope, JSON.parse(task.finalize.memo));
  const returned: unknown = type.execute(payload.value as never, new TaskContext(execution, scope) as never);
  const value: unknown = isThenable(returned) ? await returned : returned;
  if (!type.finalize) return type.result === undefined ? completed(task.id, value) : checked(task, type, scope, value);
  const memo = completed(task.id, value, "memo");
  if (!memo.ok || execution.aborted !== undefined) return memo;
  const text = memo.result ?? "null";
  if (execution.hasSpawned || task.isParent || (await scope.returned(task.id))) return { id: task.id, ok: true, result: text, memo: true };
  return finish(execution, type, scope, JSON.parse(text));
}

/** What is left when all children have ended: `finalize` makes the result. */
async function finish(execution: Execution, type: TypeDefinition, scope: Scope, memo: unknown): Promise<RunOutcome> {
  const { task } = execution;
  // A deploy took `finalize` away meanwhile: what `execute` returned is the result.
  if (!type.finalize) return checked(task, type, scope, memo);
  const value: unknown = await type.finalize(execution.payload as never, memo as never, new TaskContext(execution, scope) as never);
  return checked(task, type, scope, value);
}

/** The outcome of a task with that result, when it fits its schema. */
async function checked(task: RunTask, type: TypeDefinition, scope: Scope, value: unknown): Promise<RunOutcome> {
  if (type.result === undefined) return completed(task.id, value);
  const checking = parse(type.result, value);
  const result = checking instanceof Promise ? await checking : checking;
  if (result.problem === undefined) return completed(task.id, result.value);
  return refused(
    task.id,
    "invalid_result",
    `The result does not fit the result schema of ${scope.domainName}::${task.type}: ${result.problem}.`,
  );
}

/** `onCancel` with a fresh signal. After its 30 s, or when the lease is lost, it is not waited for any longer. */
async function hook(cancelled: Execution, type: TypeDefinition, scope: Scope, watch: (execution: Execution) => void): Promise<void> {
  if (scope.lost) return;
  const execution = new Execution(cancelled.task, scope.clock.now(), LIMITS.cancelHookMs, true);
  const context = new TaskContext(execution, scope);
  const gaveUp = new Promise<void>((resolve) => (execution.onAbort = resolve));
  watch(execution);
  const running = (async () => {
    try {
      await type.onCancel?.(cancelled.payload as never, context as never);
    } catch (thrown) {
      context.log.error("onCancel failed; the task is cancelled all the same.", { error: describe(thrown) });
    }
  })();
  await Promise.race([running, gaveUp]);
  if (execution.aborted === "timeout")
    context.log.warn(`onCancel took longer than ${LIMITS.cancelHookMs} ms and is not waited for any longer.`);
  execution.end();
  cancelled.io = addIo(cancelled.io, showIo(execution.io) ?? {});
}

function unknownType(task: RunTask, scope: Scope): unknown {
  const known = scope.definition?.types.keys() ?? scope.registry.domains.keys();
  const meant = didYouMean(scope.definition ? task.type : scope.domainName, known);
  const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
  const message = `This version of the Worker has no type ${scope.domainName}::${task.type} (task ${fullId(scope, task.id)}).${hint} Deploy it, or delete the task.`;
  return fail("unknown_type", message, meant === undefined ? {} : { didYouMean: meant });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
