import type { Task, TaskPage } from "../../api/answers.ts";
import { ask, withQuery } from "../../api/ask.ts";
import { parseExact } from "../../json.ts";
import { useLive } from "../../live.ts";

const SHOWN = 8;

interface Props {
  domain: string;
  type: string;
  onTake: (payload: unknown) => void;
}

/** The payloads of the last tasks of a type, to begin with. */
export function Recent({ domain, type, onTake }: Props) {
  const { value } = useLive(
    `recent ${domain}.${type}`,
    (signal) => ask<TaskPage>(withQuery(`v1/domains/${domain}/tasks`, { type, limit: SHOWN }), { signal }, parseExact),
    { everyMs: 60_000, concerns: () => false },
  );
  const tasks: readonly Task[] = value?.items ?? [];
  const take = (id: string) => {
    const task = tasks.find((one) => one.id === id);
    if (task) onTake(task.payload);
  };
  if (tasks.length === 0) return null;
  return (
    <select class="recent" aria-label="Begin with a recent payload" value="" onChange={(event) => take(event.currentTarget.value)}>
      <option value="">recent payloads</option>
      {tasks.map(({ id, label }) => (
        <option key={id} value={id}>
          {label ?? id}
        </option>
      ))}
    </select>
  );
}
