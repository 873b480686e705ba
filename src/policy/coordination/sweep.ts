const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** As many domains as one sweep pokes, and how many of them are kept for those owed their daily one. */
const SWEEP_MAX = 50;
const DAILY_MIN = 10;

/** What the sweeper's list is made from. Times are epoch ms, 0: never. */
export interface SweepCandidate {
  name: string;
  syncedAt: number;
  pokedAt: number;
  /** It may hold slots now. */
  holds: boolean;
}

/**
 * Which domains the minute cron should poke now, at most 50: those that hold slots or synced in the last hour, the longest
 * unpoked first; and every domain once a day, whatever the others do.
 */
export function sweepList(candidates: readonly SweepCandidate[], now: number): string[] {
  const byPoke = (a: SweepCandidate, b: SweepCandidate) => a.pokedAt - b.pokedAt || (a.name < b.name ? -1 : 1);
  const isActive = (each: SweepCandidate) => each.holds || (each.syncedAt > 0 && now - each.syncedAt < HOUR_MS);
  const active = candidates.filter(isActive).sort((a, b) => Number(b.holds) - Number(a.holds) || byPoke(a, b));
  const daily = candidates.filter((each) => !isActive(each) && now - each.pokedAt >= DAY_MS).sort(byPoke);
  const chosen = active.slice(0, SWEEP_MAX - Math.min(DAILY_MIN, daily.length));
  chosen.push(...daily.slice(0, SWEEP_MAX - chosen.length));
  return chosen.map((each) => each.name);
}
