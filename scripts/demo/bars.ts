import cliProgress from "cli-progress";
import type { Task } from "../../src/domains/task.ts";

const SCALE = 1_000;

/** One bar per task, live in a terminal; a line per change elsewhere. */
export class Bars {
  readonly #multi = process.stdout.isTTY
    ? new cliProgress.MultiBar(
        { format: "  {name} {bar} {percentage} %  {status}", barsize: 24, hideCursor: true, clearOnComplete: false },
        cliProgress.Presets.shades_classic,
      )
    : undefined;
  readonly #bars = new Map<string, cliProgress.SingleBar>();
  readonly #lines = new Map<string, string>();

  /** Draws a task as it is now. */
  readonly show = (task: Task): void => {
    const name = `${task.domain}.${task.type}`.padEnd(14);
    const fraction = task.status === "completed" ? 1 : (task.progress?.fraction ?? 0);
    const status = statusOf(task);
    if (this.#multi) {
      const bar = this.#bars.get(task.id) ?? this.#multi.create(SCALE, 0, { name, status });
      this.#bars.set(task.id, bar);
      bar.update(Math.round(fraction * SCALE), { name, status });
      return;
    }
    const line = `  ${name} ${task.id}  ${Math.round(fraction * 100)} %  ${status}`;
    if (this.#lines.get(task.id) !== line) console.log(line);
    this.#lines.set(task.id, line);
  };

  /** Leaves the bars as they are and gives the terminal back. */
  [Symbol.dispose](): void {
    this.#multi?.stop();
  }
}

function statusOf(task: Task): string {
  if (task.status === "completed") return `completed in ${task.durationMs ?? 0} ms${task.attempt > 1 ? `, attempt ${task.attempt}` : ""}`;
  const lately = task.errors.at(-1)?.message;
  if (task.status === "scheduled" && lately !== undefined) return `retries: ${lately.slice(0, 60)}`;
  return [task.status, task.progress?.message].filter(Boolean).join(": ");
}
