import { LIMITS } from "./limits.ts";

/** Types remembered; the one not learned about for longest goes first. */
const TYPES_MAX = 1_000;
/** How much of the way down one run that was a little too slow goes; one of twice the target goes all of it. */
const EASE = 0.3;
/** After a run that was too slow, so many full ones in time come before K is tried one higher than measured. */
const REST = 64;
/**
 * With n runs under way one that takes 12 ms × n is in time: they share a thread (of each, 1 to 2 ms are its RPC, more
 * on a busy machine), and still every 12 ms a slot comes free. With less, K fell to 1 for what the others took, which
 * made everything slower, which kept it there.
 */
const PER_OPEN_RUN_MS = 12;
/** Sums of weights such as 1/49 miss 1 by a rounding error. */
const FULL = 1 + 1e-9;

interface Size {
  /** K: from 1 to 250, not whole. */
  size: number;
  /** Full runs in time to go until the next try of one more. */
  rest: number;
}

const NEW: Readonly<Size> = { size: 1, rest: 0 };

/**
 * How many tasks of each type fit into one run: K, learned from how long runs took from dispatch to answer. A new
 * type starts at 1; K at most doubles per run, aims at 50 ms a run, and lies between 1 and 250.
 *
 * A run's fixed cost counts as part of it: a lone task that took 1.5 ms, most of it RPC, lets K grow, two let it
 * grow on, until the run as a whole takes its target. Where the fixed cost is most of that, K is felt out one by one.
 */
export class RunSize {
  // A Map keeps insertion order; learning about a type moves it to the end.
  private readonly sizes = new Map<string, Size>();

  /** K of a type: from 1 to 250, not whole. */
  size(type: string): number {
    return (this.sizes.get(type) ?? NEW).size;
  }

  /** What one task of the type takes of a run: 1/K. */
  weight(type: string): number {
    return 1 / this.size(type);
  }

  /**
   * Whether a run that is filled so far may take one more task of the type: the sum of weights stays within 1. An
   * empty run takes anything, so a slow or new type runs alone.
   *
   * @param filled the sum of the weights of the run's tasks
   */
  admits(filled: number, type: string): boolean {
    return filled === 0 || filled + this.weight(type) <= FULL;
  }

  /**
   * Learns from a run that was answered.
   *
   * @param types how many tasks of each type were executed; recalled ones do not count
   * @param elapsedMs from dispatch to answer, on the object's clock
   * @param open how many runs were under way, this one included: from five on the target grows with them
   */
  learn(types: ReadonlyMap<string, number>, elapsedMs: number, open = 1): void {
    let load = 0;
    let slowest = Infinity;
    for (const [type, count] of types) {
      load += count * this.weight(type);
      slowest = Math.min(slowest, this.size(type));
    }
    if (!(load > 0) || !(elapsedMs >= 0)) return;
    const fits = Math.max(LIMITS.runTargetMs, PER_OPEN_RUN_MS * open) / Math.max(elapsedMs, 0.01);
    for (const type of types.keys()) {
      const known = this.sizes.get(type) ?? NEW;
      // A type at 1 may take any time: what it runs with is not to blame for a slow run.
      const isBlameless = fits < 1 && slowest === 1 && known.size > 1;
      this.set(type, isBlameless ? known : next(known, load, fits));
    }
  }

  /** How many types it remembers, at most 1,000. */
  get types(): number {
    return this.sizes.size;
  }

  private set(type: string, size: Size): void {
    this.sizes.delete(type);
    if (this.sizes.size >= TYPES_MAX) this.sizes.delete(this.sizes.keys().next().value!);
    this.sizes.set(type, size);
  }
}

/**
 * The most tasks for one run, so that ready work is spread over all free slots: ceil(ready ÷ free slots), from 1 to 250.
 *
 * @param ready how many tasks are ready
 * @param freeSlots how many runs may be started now, at least 1
 */
export function runShare(ready: number, freeSlots: number): number {
  return Math.min(LIMITS.runTasksMax, Math.max(1, Math.ceil(ready / Math.max(1, freeSlots))));
}

/**
 * The next K. `load` is how full the run was (1: as many tasks as K allows), `fits` how many such runs the target
 * holds; so size × load × fits would have met the target, were all of the time in the tasks.
 */
function next({ size, rest }: Size, load: number, fits: number): Size {
  const measured = size * load * fits;
  if (fits < 1) {
    if (measured >= size) return { size, rest };
    return { size: bounded(fits <= 0.5 ? measured : size + (measured - size) * EASE), rest: REST };
  }
  // In time: nothing says that K is too large, and a run that was not full tells little about more.
  const grown = Math.min(Math.max(measured, size), size * (1 + Math.min(1, load)));
  if (grown >= size + 1 || load <= 0.5) return { size: bounded(grown), rest };
  return rest > 0 ? { size: bounded(grown), rest: rest - 1 } : { size: bounded(size + 1), rest: 0 };
}

function bounded(size: number): number {
  return Math.min(Math.max(size, 1), LIMITS.runTasksMax);
}
