import { useSignal } from "@preact/signals";
import { href } from "../../address.ts";
import type { Task } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { Act } from "../../parts/act.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { may } from "../../session.ts";
import { isEnded } from "../../task-status.ts";
import { EditPayload } from "./edit-payload.tsx";

/** What can be done to a task as it stands. */
export function Actions({ task }: { task: Task }) {
  const editing = useSignal(false);
  const { id, status } = task;
  const post = async (verb: string) => ask<Task>(`v1/tasks/${id}/${verb}`, { method: "POST" });
  const ended = isEnded(status);
  const canRetry = ended && status !== "superseded";
  const cancel = async () => {
    const children = task.children.active > 0 ? ` Its ${task.children.active} active children are cancelled, too.` : "";
    const text = (status === "running" ? "It is told to stop, and ends when it has." : "It ends at once.") + children;
    if (!(await confirm({ title: `Cancel ${id}?`, text, action: "Cancel the task", danger: true }))) return undefined;
    await post("cancel");
    return `${id} is cancelled.`;
  };
  const backfill = async () => {
    const text = "It runs again, and after it, in order and in every domain, all ended tasks that depend on it.";
    if (!(await confirm({ title: `Backfill from ${id}?`, text, action: "Backfill" }))) return undefined;
    await post("backfill");
    return `${id} and what depends on it run again.`;
  };
  return (
    <div class="row" role="group" aria-label="Actions">
      {canRetry ? (
        <Act
          kind="primary"
          run={async () => {
            await post("retry");
            return `${id} runs again.`;
          }}
        >
          Retry
        </Act>
      ) : null}
      {canRetry && may("operator") ? (
        <button type="button" onClick={() => (editing.value = true)}>
          Edit and retry
        </button>
      ) : null}
      {canRetry ? <Act run={backfill}>Backfill</Act> : null}
      {status === "scheduled" ? (
        <Act
          kind="primary"
          run={async () => {
            await post("run-now");
            return `${id} is due now.`;
          }}
        >
          Run now
        </Act>
      ) : null}
      {ended ? null : (
        <Act kind="danger" run={cancel}>
          Cancel
        </Act>
      )}
      {may("producer") ? (
        <a class="button" href={href(["submit"], { from: id })}>
          Submit a copy
        </a>
      ) : null}
      {editing.value ? <EditPayload task={task} onClose={() => (editing.value = false)} /> : null}
    </div>
  );
}
