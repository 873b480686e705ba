import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Series, SERIES_COUNTS, SERIES_LEVELS, SERIES_MINUTES } from "../../src/policy/series.ts";

const MINUTE = 60_000;
const START = 1_000 * MINUTE;
const figures = (submitted: number, running = 0) => ({
  counts: SERIES_COUNTS.map((name) => (name === "submitted" ? submitted : 0)),
  levels: SERIES_LEVELS.map((name) => (name === "running" ? running : 0)),
});

describe("the last hour", () => {
  test("counts by the minute, levels by their highest, nothing from before it began", () => {
    const series = new Series();
    series.begin(figures(100, 1), START);
    series.note(figures(103, 5), START + 10_000);
    series.note(figures(104, 2), START + MINUTE);
    series.note(figures(105, 0), START + 3 * MINUTE);
    const { from, points } = series.read(START + 3 * MINUTE + 59_000, 1);
    expect(from).toBe(START + 3 * MINUTE - 59 * MINUTE);
    expect(points.submitted.slice(-5)).toEqual([null, 3, 1, 0, 1]);
    expect(points.running.slice(-5)).toEqual([null, 5, 5, 2, 2]);
    expect(points.submitted).toHaveLength(60);
  });

  test("in longer steps counts add up, and levels have the highest of all", () => {
    const series = new Series();
    series.begin(figures(0), START);
    for (let minute = 0; minute < 90; minute += 1) series.note(figures(minute + 1, minute % 7), START + minute * MINUTE);
    const { points } = series.read(START + 89 * MINUTE, 15);
    expect(points.submitted).toEqual([15, 15, 15, 15]);
    expect(points.running).toEqual([6, 6, 6, 6]);
  });

  test("whatever happens when, an hour of it adds up; a clock that steps back loses nothing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ waits: fc.integer({ min: -90_000, max: 4 * MINUTE }), more: fc.integer({ min: 0, max: 9 }) }), {
          maxLength: 40,
        }),
        fc.constantFrom(1, 2, 5, 12, 60),
        (changes, step) => {
          const series = new Series();
          series.begin(figures(7), START);
          let now = START;
          let total = 7;
          let latest = START;
          const seen: [minute: number, more: number][] = [];
          for (const { waits, more } of changes) {
            now += waits;
            latest = Math.max(latest, now);
            total += more;
            series.note(figures(total), now);
            seen.push([Math.floor(latest / MINUTE), more]);
          }
          const last = Math.floor(latest / MINUTE);
          const expected = seen.filter(([minute]) => minute > last - SERIES_MINUTES).reduce((sum, [, more]) => sum + more, 0);
          const { points } = series.read(now, step);
          expect(points.submitted.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(expected);
        },
      ),
    );
  });
});
