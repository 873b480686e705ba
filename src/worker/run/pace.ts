/** As long as a run should take in all: read at the pauses, so it holds what other runs did meanwhile, too. */
const STRETCH_TARGET_MS = 50;
const GROWTH = 4;
const PARTS = 4;

/**
 * How many tasks to run before messages are let in for the first time. The object gives a run as many tasks as took
 * about 50 ms before, so a quarter of them is about 12 ms; a new type comes alone.
 */
export function firstStretch(tasks: number): number {
  return Math.max(1, Math.floor(tasks / PARTS));
}

/**
 * How many after a stretch of `size` tasks that took `elapsedMs`: grows at most fourfold, so that 250 fast tasks pause
 * once (after 62), slow ones after every task. A pause costs a turn of every other run on the thread. With a target of
 * 10 ms, 16 busy runs made each other pause ever more often, and the domain did 10,000 tasks/s instead of 37,000.
 */
export function nextStretch(size: number, elapsedMs: number): number {
  const fitting = Math.floor((size * STRETCH_TARGET_MS) / Math.max(1, elapsedMs));
  return Math.max(1, Math.min(fitting, size * GROWTH));
}
