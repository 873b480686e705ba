import { useSignal } from "@preact/signals";
import type { Task } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { messageOf, Problem } from "../../api/problem.ts";
import { formatExact, parseExact } from "../../json.ts";
import { refreshAll } from "../../live.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { say } from "../../parts/toast.tsx";

/** Retries a task with another payload: the same id, history and tags. */
export function EditPayload({ task, onClose }: { task: Task; onClose: () => void }) {
  const text = useSignal(formatExact(task.payload));
  const problem = useSignal<Error | null>(null);
  const busy = useSignal(false);
  const retry = async () => {
    busy.value = true;
    try {
      parseExact(text.value);
      // As typed: a number that JavaScript would round arrives as it stands.
      await ask(`v1/tasks/${task.id}/retry`, { method: "POST", text: `{"payload":${text.value}}` });
      say(`${task.id} runs again with the edited payload.`);
      onClose();
      refreshAll();
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(messageOf(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title="Edit the payload, and retry" onClose={onClose} wide>
      <textarea
        aria-label="Payload"
        rows={14}
        spellcheck={false}
        value={text.value}
        aria-invalid={problem.value !== null}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />
      {problem.value ? (
        <div class="trouble" role="alert">
          {problem.value.message}
          {problem.value instanceof Problem && problem.value.issues.length > 0 ? (
            <ul>
              {problem.value.issues.map(({ path, message }) => (
                <li key={path}>
                  <code>{path}</code> {message}
                </li>
              ))}
            </ul>
          ) : null}
        </div>
      ) : null}
      <div class="row is-end">
        <button type="button" onClick={onClose}>
          Keep as it is
        </button>
        <button type="button" class="primary" disabled={busy.value} onClick={() => void retry()}>
          Retry with this payload
        </button>
      </div>
    </Dialog>
  );
}
