import { afterAll, beforeAll, expect, test } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import { reachCoordinator } from "../../src/durable/reach.ts";
import { clock } from "./clock.ts";
import { Time } from "./drive.ts";
import { books, expectAlarms, expectBalanced, expectTold } from "./laws.ts";
import { births, kill, killSoon, platform } from "./lives.ts";
import { otherQ, workQ } from "./index.ts";
import { seed as first } from "../seed.ts";
import { Workload } from "./workload.ts";

declare global {
  interface ImportMeta {
    /** Vite's: files by patterns, at build time. */
    glob<File>(patterns: string[], options: { query: string; import: string; eager: true }): Record<string, File>;
  }
}

const sources = import.meta.glob<string>(["../../src/durable/**/*.ts"], { query: "?raw", import: "default", eager: true });

/** Every point of the engine, read from its source: `point("x")`, and the three of every transaction. */
function pointsOf(texts: string[]): string[] {
  const names = new Set<string>();
  for (const text of texts) {
    for (const [, name] of text.matchAll(/\bpoint\(\s*"([^"]+)"/g)) names.add(name!);
    for (const [, name] of text.matchAll(/(?:\btransact|#act)(?:<[^(]*>)?\(\s*"([^"]+)"/g))
      for (const moment of ["begin", "written", "committed"]) names.add(`${name}.${moment}`);
  }
  return [...names].sort();
}

const points = pointsOf(Object.values(sources));
const time = new Time(["work", "other", "rounds"]);
const PHASES = Object.keys(new Workload(time).phases);
/** In which phases of the workload each point is passed. */
const passed = new Map<string, string[]>();
const tookMs = new Map<string, number>();
const promised = new Set<string>();

async function settled(load: Workload): Promise<void> {
  await load.drain();
  await load.fillAllSlots();
  await load.drain();
  for (const { id } of load.promised) promised.add(id);
  await expectBalanced("rounds");
  for (const domain of ["work", "other"]) {
    await expectBalanced(domain);
    await load.delivered();
    await expectTold(domain);
    const { state, scheduled, recount } = await books(domain);
    expect(state.runs, `${domain}: runs under way`).toEqual({});
    expect(recount["pending"]! + recount["scheduled"]! + recount["blocked"]! + recount["waiting"]!, `${domain}: live tasks`).toBe(0);
    if (domain === "work")
      expect(state.totals.inserted - scheduled, "a submit that was repeated counts once").toBe(
        [...promised].filter((id) => id.startsWith("work_")).length,
      );
  }
  expect((await workQ.snapshot()).slots.using).toBe(0);
}

/** Runs phases in which objects die at passes that `choose` picks, until `deaths` have; answers how many did. */
async function dying(
  deaths: number,
  choose: (point: string) => ((object: string) => void) | undefined,
  phases: readonly string[],
): Promise<number> {
  const load = new Workload(time);
  const before = births.length;
  let died = 0;
  onPoint((point, object) => {
    const how = died < deaths ? choose(point) : undefined;
    if (!how) return;
    died += 1;
    time.isInHurry = true;
    how(object);
  });
  for (const phase of phases) if (died < deaths) await load.phases[phase]!();
  onPoint(undefined);
  platform.outlive = false;
  platform.cutOff = "";
  platform.breaks = 0;
  platform.lostMessages = 0;
  platform.lostAnswers = 0;
  await settled(load);
  time.isInHurry = false;
  await expectAlarms(births.slice(before), clock.now());
  return died;
}

/**
 * Dies at passes of a point in each of these ways, one after the other: in the phases that passed it, the quickest first, then in
 * all of them, and once more from the beginning for each way. Answers whether it did.
 */
async function diesAt(name: string, ways: readonly ((object: string) => void)[]): Promise<boolean> {
  const left = [...ways];
  const choose = (point: string) => (point === name ? left.shift() : undefined);
  const quickest = passed.get(name)!.toSorted((one, other) => tookMs.get(one)! - tookMs.get(other)!);
  for (const phases of ways.flatMap(() => [...quickest.map((phase) => [phase]), PHASES]))
    if (left.length > 0) await dying(left.length, choose, phases);
  return left.length === 0;
}

/** Numbers in [0, 1) that are the same in every run. */
function chance(seed: number): () => number {
  let state = first * 1_000 + seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Every point of the source is passed by the workload, and remembered with the phases that pass it. */
export async function passEveryPoint(): Promise<void> {
  expect(points.length).toBeGreaterThan(60);
  const load = new Workload(time);
  // The first life of each object is none that a crash could repeat.
  await load.phases["small"]!();
  for (const [phase, run] of Object.entries(load.phases)) {
    onPoint((point) => {
      const phases = passed.get(point) ?? [];
      if (!phases.includes(phase)) passed.set(point, [...phases, phase]);
    });
    const began = performance.now();
    await run();
    tookMs.set(phase, performance.now() - began);
    onPoint(undefined);
  }
  await settled(load);
  expect(
    points.filter((point) => !passed.has(point)),
    "points that were never passed",
  ).toEqual([]);
}

/**
 * A crash at every point: part `part` of `parts` of them, so that several files can take them in turns. Needs
 * `passEveryPoint` before.
 */
export function crashAtPoints(part: number, parts: number): void {
  const isMine = (index: number) => index % parts === part;

  beforeAll(() => {
    clock.takeOver();
    time.start();
  });

  afterAll(async () => {
    onPoint(undefined);
    await time.stop();
  });

  for (const [index, name] of points.entries()) {
    if (!isMine(index)) continue;
    // Whatever its first death leaves behind, the second one finds: half of them in this order, half in the other.
    const isSoonFirst = Math.floor(index / parts) % 2 === 1;
    const [first, second] = isSoonFirst ? [killSoon, kill] : [kill, killSoon];
    const title = isSoonFirst ? "when all before it is durable, and then at once" : "at once, and then when all before it is durable";
    test(`${name}: ${title}`, async () => {
      expect(await diesAt(name, [first, second])).toBe(true);
    }, 180_000);
  }

  for (let seed = 1; seed <= 6; seed += 1) {
    if (!isMine(seed)) continue;
    test(`two crashes anywhere, round ${seed}`, async () => {
      const random = chance(seed);
      const choose = () => (random() < 0.003 ? (random() < 0.5 ? kill : killSoon) : undefined);
      await dying(2, choose, PHASES);
    }, 180_000);
    test(`three crashes while domains wait for each other, round ${seed}: each end is told, and counts once`, async () => {
      const random = chance(100 + seed);
      const choose = () => (random() < 0.03 ? (random() < 0.5 ? kill : killSoon) : undefined);
      await dying(3, choose, ["across", "again", "across"]);
    }, 180_000);
    test(`three crashes in families of two domains, round ${seed}: nobody waits for ever`, async () => {
      const random = chance(200 + seed);
      const choose = () => (random() < 0.02 ? (random() < 0.5 ? kill : killSoon) : undefined);
      await dying(3, choose, ["families", "clans"]);
    }, 180_000);
  }

  test("in the end nobody holds a slot", async () => {
    time.stepMs = 1_000;
    await time.until("the return of every slot", async () => (await reachCoordinator(clock).snapshot()).using === 0);
    expect((await otherQ.snapshot()).slots.using).toBe(0);
  }, 180_000);
}
