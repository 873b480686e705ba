import { expect, test } from "vitest";
import { type SweepCandidate, sweepList } from "../../../src/policy/coordination/sweep.ts";

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const candidate = (name: string, more: Partial<SweepCandidate> = {}): SweepCandidate => ({
  name,
  syncedAt: 0,
  pokedAt: NOW - HOUR,
  holds: false,
  ...more,
});

test("those that hold slots first, then the lately active, then those owed their daily poke", () => {
  const names = sweepList(
    [
      candidate("resting"),
      candidate("daily", { pokedAt: NOW - 24 * HOUR }),
      candidate("active", { syncedAt: NOW - HOUR + 1 }),
      candidate("holder", { holds: true, pokedAt: NOW }),
      candidate("quiet", { syncedAt: NOW - HOUR }),
      candidate("new", { pokedAt: 0 }),
    ],
    NOW,
  );
  expect(names).toEqual(["holder", "active", "new", "daily"]);
});

test("at most 50, of which ten are kept for the daily ones; turn by turn everybody is poked", () => {
  const all = Array.from({ length: 120 }, (_, index) => candidate(`d${index}`, { holds: index < 80, pokedAt: 0 }));
  const seen = new Set<string>();
  for (let minute = 0; minute < 4; minute++) {
    const names = sweepList(all, NOW + minute * 60_000);
    expect(names.length).toBe(50);
    expect(names.filter((name) => Number(name.slice(1)) >= 80).length).toBe(10);
    for (const name of names) {
      seen.add(name);
      all[Number(name.slice(1))]!.pokedAt = NOW + minute * 60_000;
    }
  }
  expect(seen.size).toBe(120);
});
