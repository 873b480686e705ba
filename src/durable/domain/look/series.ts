import { type Figures, SERIES_COUNTS, SERIES_LEVELS } from "../../../policy/series.ts";
import type { Looks, SeriesView } from "../../looks.ts";
import type { Core } from "../core.ts";

/** What of the state is counted by the minute. */
export function figuresOf({ state, runs }: Core): Figures {
  const { counts, totals } = state;
  let executing = 0;
  for (const run of runs.values()) if (run.open.size > 0) executing += 1;
  const levels = { ...counts, running: counts.running + executing, pending: counts.pending - executing };
  return {
    counts: SERIES_COUNTS.map((name) => totals[name === "submitted" ? "inserted" : name]),
    levels: SERIES_LEVELS.map((name) => levels[name]),
  };
}

/** The last 60 minutes, from memory. */
export function series(core: Core, { metrics, stepMs }: Looks["series"]["body"]): SeriesView {
  const { from, points } = core.series.read(core.clock.now(), stepMs / 60_000);
  return { from: new Date(from).toISOString(), stepMs, metrics: Object.fromEntries(metrics.map((name) => [name, points[name]])) };
}
