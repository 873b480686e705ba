import type { Domain } from "./api/answers.ts";

/** How far back a line goes. */
const SAMPLES_MAX = 60;
const STEP_MS = 5_000;

interface Track {
  at: number;
  total: number;
  ended: number[];
}
const tracks = new Map<string, Track>();

/** Totals of one name over all that may end a task. */
const endedOf = ({ totals }: Domain): number => (totals.completed ?? 0) + (totals.failed ?? 0) + (totals.dead_letter ?? 0);

/** How many tasks ended in each five seconds since the page was opened, oldest first: what a domain's totals grew by. */
export function pulse(domain: Domain, at: number): readonly number[] {
  const total = endedOf(domain);
  const track = tracks.get(domain.name);
  if (!track || at - track.at > STEP_MS * SAMPLES_MAX || total < track.total) {
    tracks.set(domain.name, { at, total, ended: [] });
    return [];
  }
  if (at - track.at >= STEP_MS) {
    const steps = Math.floor((at - track.at) / STEP_MS);
    for (let step = 0; step < steps; step++) track.ended.push((total - track.total) / steps);
    track.ended.splice(0, track.ended.length - SAMPLES_MAX);
    track.at += steps * STEP_MS;
    track.total = total;
  }
  return track.ended;
}
