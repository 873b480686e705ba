const STRETCH_TARGET_MS = 10;
const GROWTH = 4;
const PARTS = 16;

/**
 * How many tasks to run before messages are let in for the first time. The object gives a run as many tasks as took
 * about 50 ms before, so a sixteenth of them is about 3 ms; a new type comes alone.
 */
export function firstStretch(tasks: number): number {
  return Math.max(1, Math.floor(tasks / PARTS));
}

/**
 * How many after a stretch of `size` tasks that took `elapsedMs`: aims at 10 ms, grows at most fourfold. So 250 fast tasks
 * pause twice (after 15 and 75; doubling from 1 would pause seven times, at 1.2 ms each), slow ones after every task.
 */
export function nextStretch(size: number, elapsedMs: number): number {
  const fitting = Math.floor((size * STRETCH_TARGET_MS) / Math.max(1, elapsedMs));
  return Math.max(1, Math.min(fitting, size * GROWTH));
}
