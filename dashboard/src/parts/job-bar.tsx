import { number } from "../format.ts";
import { type Action, job } from "../job.ts";

/** What it has been done to. */
export const PAST: Record<Action, string> = { cancel: "cancelled", retry: "reopened", delete: "deleted" };

/** How far the last job has come. */
export function JobBar() {
  const current = job.value;
  if (!current) return null;
  const { action, total, done, failed, finished, problem } = current;
  return (
    <div class="job row" role="status">
      <progress aria-label={`Tasks ${PAST[action]}`} value={done + failed} max={Math.max(1, total, done + failed)} />
      <span class="grow">
        {number(done)} of {number(Math.max(total, done + failed))} {PAST[action]}
        {failed > 0 ? <span class="bad"> · {number(failed)} refused</span> : null}
        {problem === null ? null : <span class="dim"> · {problem}</span>}
      </span>
      {finished ? (
        <button type="button" class="plain" aria-label="Dismiss" onClick={() => (job.value = null)}>
          ×
        </button>
      ) : null}
    </div>
  );
}
