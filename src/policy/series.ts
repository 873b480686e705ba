/** What is counted by the minute. */
export const SERIES_COUNTS = [
  "submitted",
  "started",
  "completed",
  "failed",
  "dead_letter",
  "cancelled",
  "expired",
  "dependency_failed",
  "retried",
] as const;
/** Of which the highest of each minute is told. */
export const SERIES_LEVELS = ["running", "pending", "scheduled", "blocked", "waiting"] as const;
export const SERIES = [...SERIES_COUNTS, ...SERIES_LEVELS] as const;
export type SeriesName = (typeof SERIES)[number];

/** How far back it goes. */
export const SERIES_MINUTES = 60;
const MINUTE_MS = 60_000;

/** The counts since creation, and the levels of the moment, each in the order of its names. */
export interface Figures {
  counts: readonly number[];
  levels: readonly number[];
}

/** One figure per step, oldest first; null where nobody was there to count. */
export interface SeriesPoints {
  /** When the first step begins; epoch ms. */
  from: number;
  points: Record<SeriesName, (number | null)[]>;
}

/**
 * What the last 60 minutes brought, minute by minute, in memory alone. It counts what it is told of; where the clock steps
 * back it goes on with the minute it is at.
 */
export class Series {
  /** A row per minute, in a ring: counts, then levels. */
  private readonly rows = Array.from({ length: SERIES_MINUTES }, () => new Float64Array(SERIES.length));
  private latest: Figures | undefined;
  /** The minute of the newest row, and of the oldest that was seen. */
  private minute = 0;
  private since = 0;

  /** The figures as storage has them: what comes after is counted from here. */
  begin(figures: Figures, now: number): void {
    if (!this.latest) {
      this.minute = Math.floor(now / MINUTE_MS);
      this.since = this.minute;
      this.open(this.minute, figures.levels);
    }
    this.latest = figures;
  }

  /** The figures after a change. */
  note(figures: Figures, now: number): void {
    if (!this.latest) return this.begin(figures, now);
    this.advance(now);
    const row = this.row(this.minute);
    for (let index = 0; index < figures.counts.length; index += 1) row[index]! += figures.counts[index]! - this.latest.counts[index]!;
    const { length } = figures.counts;
    for (let index = 0; index < figures.levels.length; index += 1)
      row[length + index] = Math.max(row[length + index]!, figures.levels[index]!);
    this.latest = figures;
  }

  /** The last 60 minutes in steps of so many: 1, 2, 3, … whatever divides 60. The last step holds the minute of `now`. */
  read(now: number, stepMinutes: number): SeriesPoints {
    this.advance(now);
    const first = this.minute - SERIES_MINUTES + 1;
    const points = Object.fromEntries(
      SERIES.map((name, index): [SeriesName, (number | null)[]] => {
        const isCount = index < SERIES_COUNTS.length;
        return [
          name,
          Array.from({ length: SERIES_MINUTES / stepMinutes }, (_, step) =>
            this.sum(index, first + step * stepMinutes, stepMinutes, isCount),
          ),
        ];
      }),
    );
    return { from: first * MINUTE_MS, points: points as SeriesPoints["points"] };
  }

  private sum(index: number, first: number, minutes: number, isCount: boolean): number | null {
    let sum: number | null = null;
    for (let minute = Math.max(first, this.since); minute < first + minutes; minute += 1) {
      const value = this.row(minute)[index]!;
      sum = isCount ? (sum ?? 0) + value : Math.max(sum ?? 0, value);
    }
    return sum;
  }

  /** Minutes in which nothing changed have the levels of the one before. */
  private advance(now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute <= this.minute || !this.latest) return;
    for (let next = Math.max(this.minute + 1, minute - SERIES_MINUTES + 1); next <= minute; next += 1) this.open(next, this.latest.levels);
    this.minute = minute;
    this.since = Math.max(this.since, minute - SERIES_MINUTES + 1);
  }

  private open(minute: number, levels: readonly number[]): void {
    const row = this.row(minute).fill(0);
    row.set(levels, SERIES_COUNTS.length);
  }

  private row(minute: number): Float64Array {
    return this.rows[minute % SERIES_MINUTES]!;
  }
}
