import { runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import type { State } from "../../src/durable/domain/state.ts";
import { STATUS_CODE, TERMINAL } from "../../src/policy/status.ts";
import type { Birth } from "./lives.ts";
import { rows, stub } from "./reach.ts";

/** What an object's storage says of itself: the state row, and a recount of the rows it counts. */
export async function books(domain: string): Promise<{ state: State; recount: Record<string, number>; scheduled: number }> {
  return runInDurableObject(stub(domain), (_object, { storage }) => {
    const state = JSON.parse(storage.sql.exec<{ json: string }>("SELECT json FROM state").one().json) as State;
    const rows = storage.sql.exec<{ status: number; n: number }>("SELECT status, count(*) AS n FROM tasks GROUP BY status").toArray();
    const recount = Object.fromEntries(
      Object.entries(STATUS_CODE).map(([name, code]) => [name, rows.find((row) => row.status === code)?.n ?? 0]),
    );
    const scheduled = storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM tasks WHERE schedule IS NOT NULL").one().n;
    return { state, recount, scheduled };
  });
}

/** Counters equal the rows; every task that was taken in is live, finished or purged; each ended once for every time it was opened. */
export async function expectBalanced(domain: string): Promise<void> {
  const { state, recount } = await books(domain);
  const sum = (names: readonly string[], of: Record<string, number>) => names.reduce((total, name) => total + of[name]!, 0);
  expect(state.counts, `${domain}: counters and rows`).toEqual(recount);
  const { inserted, purged, reopened } = state.totals;
  expect(inserted, `${domain}: inserted = live + finished + purged`).toBe(sum(Object.keys(recount), recount) + purged);
  expect(sum(TERMINAL, state.totals), `${domain}: each ended once`).toBe(sum(TERMINAL, recount) + purged + reopened);
  await expectFamilies(domain);
  for (const [name, total] of Object.entries(state.totals)) expect(total, name).toBeGreaterThanOrEqual(0);
}

/** Nothing is under way between domains: every message is delivered, every end is told, nobody waits for news. */
export async function expectTold(domain: string): Promise<void> {
  await runInDurableObject(stub(domain), (_object, { storage }) => {
    const count = (query: string) => storage.sql.exec<{ n: number }>(query).one().n;
    const state = JSON.parse(storage.sql.exec<{ json: string }>("SELECT json FROM state").one().json) as State;
    expect(count("SELECT count(*) AS n FROM outbox"), `${domain}: messages`).toBe(0);
    expect(count("SELECT count(*) AS n FROM remotes WHERE status < 10"), `${domain}: tasks elsewhere that live`).toBe(0);
    expect(count("SELECT count(*) AS n FROM kin WHERE status < 10 OR child IS NULL"), `${domain}: children elsewhere that live`).toBe(0);
    const owed = "SELECT count(*) AS n FROM watchers AS w CROSS JOIN tasks AS t ON t.id = w.upstream WHERE w.owed IS NOT NULL";
    expect(count(owed), `${domain}: ends not told`).toBe(0);
    expect(state.waves, `${domain}: backfills under way`).toEqual({});
    for (const table of ["edges", "remotes", "watchers"] as const)
      expect(state[table], `${domain}: ${table}, counted`).toBe(count(`SELECT count(*) AS n FROM ${table}`));
  });
}

/**
 * No parent waits without a living child, and no child lives under a parent that is over, but those that were told to stop
 * and those that were retried by themselves.
 */
async function expectFamilies(domain: string): Promise<void> {
  const waiting = `SELECT id FROM tasks AS p WHERE status = 3 AND NOT EXISTS (SELECT 1 FROM tasks AS c WHERE c.parent = ?1 || '_' || p.id AND c.status < 10)`;
  const orphans = `SELECT c.id FROM tasks AS c JOIN tasks AS p ON c.parent = ?1 || '_' || p.id WHERE p.status >= 10 AND c.status < 10 AND c.cancelling = 0 AND c.errors IS NULL`;
  expect(await rows(domain, waiting, domain), `${domain}: parents that wait for nobody`).toEqual([]);
  expect(await rows(domain, orphans, domain), `${domain}: children under a parent that is over`).toEqual([]);
}

/** An object that died with work left an alarm behind that wakes it in time: at the due moment, or within a minute. */
export async function expectAlarms(births: readonly Birth[], at: number): Promise<void> {
  for (const { name, alarm, pending, due, posted, isRinging } of births) {
    const stands = await alarm;
    if (isRinging) continue;
    if (pending > 0) expect(stands, `${name} died with ${pending} pending tasks`).not.toBeNull();
    if (pending > 0) expect(stands!, `${name}: the dead man's switch`).toBeLessThanOrEqual(at + 60_000);
    if (posted > 0) expect(stands, `${name} died with ${posted} messages to deliver`).not.toBeNull();
    if (due !== null) expect(stands, `${name} died with a task due at ${due}`).not.toBeNull();
    if (due !== null) expect(stands!, `${name}: the alarm, and what is due`).toBeLessThanOrEqual(Math.max(due, at));
  }
}

/** How many rounds of a singleton live. */
export const liveRounds = async (type: string): Promise<number> =>
  (await rows<{ n: number }>("rounds", "SELECT count(*) AS n FROM tasks WHERE type = ? AND status < 10", type))[0]!.n;
