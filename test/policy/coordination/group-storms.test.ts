import { expect, test } from "vitest";
import type { GroupPolicy, GroupRules } from "../../../src/policy/coordination/groups.ts";
import type { Rate } from "../../../src/policy/rate.ts";
import { seed as first } from "../../seed.ts";
import { CALM, type SimDomain, World } from "./world.ts";

const GROUPS = ["acme", "bulk", "mail", null];
const policy = (rules: Record<string, GroupRules>, defaultMaxConcurrency: number | null = null): GroupPolicy => ({
  rules: new Map(Object.entries(rules)),
  defaultMaxConcurrency,
});

/** A quick one; and slower ones than the coordinator lives in a storm. */
const RATES: Rate[] = [
  { permits: 2, perMs: 1_000, burst: 4 },
  { permits: 1, perMs: 15_000, burst: 1 },
  { permits: 6, perMs: 60_000, burst: 3 },
];

/** Settings of all kinds; mail's rate stays the same, so that its law can be checked throughout. */
function settings(random: () => number, rate: Rate): GroupPolicy {
  const cap = () => 1 + Math.floor(random() * 4);
  const rules: Record<string, GroupRules> = { mail: { rate } };
  if (random() < 0.7) rules.acme = { maxConcurrency: cap() };
  if (random() < 0.4) rules.mail = { ...rules.mail, maxConcurrency: cap() };
  if (random() < 0.4) rules.bulk = { weight: 1 + Math.floor(random() * 4), minSlots: Math.floor(random() * 3) };
  return policy(rules, random() < 0.4 ? cap() : null);
}

function feed(world: World, domain: SimDomain, until: number, rate: Rate): void {
  const { random, time } = world;
  const next = () => {
    if (time.now > until) return;
    const group = GROUPS[Math.floor(random() * GROUPS.length)] ?? null;
    // No more mail than is sent within the storm, or a little longer.
    const most = group === "mail" && rate.perMs > 1_000 ? 1 : 12;
    for (let left = 1 + Math.floor(random() * random() * most); left > 0; left--) {
      const ms = random() < 0.05 ? 45_000 * random() : 1_500 * random() * random();
      domain.backlog.push({ priority: [0, 64, 128, 128][Math.floor(random() * 4)]!, at: time.now, ms, group });
    }
    world.pump(domain);
    time.after(random() < 0.05 ? 60_000 * random() : 3_000 * random(), next);
  };
  next();
}

function misfortune(world: World, until: number, rate: Rate): void {
  const { random, time } = world;
  const pick = () => world.domains[Math.floor(random() * world.domains.length)] as SimDomain;
  const next = () => {
    if (time.now > until) return;
    const lot = random();
    if (lot < 0.4) world.crash(pick(), random() < 0.5 ? 0 : random() * 20_000);
    else if (lot < 0.65) world.crashCoordinator(random() < 0.5 ? 0 : random() * 30_000);
    else if (lot < 0.75) world.configure(1 + Math.floor(random() * 12));
    else if (lot < 0.9) world.configureGroups(settings(random, rate));
    else world.setCap(pick(), random() < 0.5 ? null : 1 + Math.floor(random() * 6));
    time.after(random() * random() * 30_000, next);
  };
  time.after(random() * 5_000, next);
}

const SEEDS = 60;

test(
  `[caps] [rate limits] group caps hold at every instant, and group rates over the whole mill, through ${SEEDS} storms; nobody waits for ever after them`,
  () => {
    const begun = new Map<string, number>();
    for (let seed = first; seed < first + SEEDS; seed++) {
      try {
        const world = new World(seed, ["ads", "ingest", "media", "notify"].slice(0, 2 + (seed % 3)), 1 + (seed % 9));
        const rate = RATES[seed % RATES.length]!;
        world.configureGroups(settings(world.random, rate));
        const stormMs = 180_000;
        for (const domain of world.domains) feed(world, domain, stormMs, rate);
        misfortune(world, stormMs, rate);
        world.run(stormMs);
        world.weather = CALM;
        if (world.ledger === null) world.startCoordinator();
        for (const domain of world.domains) world.wake(domain);
        const left = world.domains.flatMap((domain) => [...domain.backlog]);
        // Mails by twice their rate's time, else what the tasks take, one after the other; and what the lost hold comes back in two minutes.
        const perMail = (2 * rate.perMs) / rate.permits;
        world.run(120_000 + left.reduce((sum, task) => sum + 2 * task.ms + 80 + (task.group === "mail" ? perMail : 0), 0));
        for (const domain of world.domains) {
          expect(domain.backlog.length, `${domain.name} waits for ${JSON.stringify([...domain.backlog][0])}`).toBe(0);
        }
        expect(world.executing).toBe(0);
        for (const [group, count] of world.begunIn) begun.set(group, (begun.get(group) ?? 0) + count);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    for (const group of ["acme", "bulk", "mail"]) expect(begun.get(group), group).toBeGreaterThan(SEEDS * 20);
  },
  5_000 + SEEDS * 2_000,
);

/** A mill in fair weather with `count` tasks of each of these in each domain. */
function fair(
  names: readonly string[],
  cap: number,
  groups: GroupPolicy,
  tasks: [group: string | null, count: number, ms: number][],
): World {
  const world = new World(11, names, cap, groups);
  world.weather = CALM;
  for (const domain of world.domains) {
    for (const [group, count, ms] of tasks) {
      for (let index = 0; index < count; index++) domain.backlog.push({ priority: 128, at: 0, ms, group });
    }
    world.pump(domain);
  }
  return world;
}

test("[weights, minimums] 3:1 over 8 slots runs 6 and 2, in one domain and across two", () => {
  for (const names of [["a"], ["a", "b"]]) {
    const world = fair(names, 8, policy({ gold: { weight: 3 }, iron: { weight: 1 } }), [
      ["iron", 3_000, 200],
      ["gold", 3_000, 200],
    ]);
    world.run(20_000);
    world.begunIn.clear();
    world.run(40_000);
    const [gold, iron] = [world.begunIn.get("gold")!, world.begunIn.get("iron")!];
    expect(gold / iron, `${names.length}: ${gold} to ${iron}`).toBeGreaterThan(2.6);
    expect(gold / iron, `${names.length}: ${gold} to ${iron}`).toBeLessThan(3.4);
    expect(world.peak).toBe(8);
  }
});

test("a group at its cap, with a backlog before everybody else's, holds nobody up, and costs the coordinator little", () => {
  const world = fair(["a", "b"], 8, policy({ slow: { maxConcurrency: 2 } }), [
    ["slow", 500, 5_000],
    ["quick", 2_000, 50],
    [null, 1_000, 50],
  ]);
  world.run(30_000);
  expect(world.peakIn.get("slow")).toBe(2);
  expect(world.begunIn.get("quick")! + world.begun).toBeGreaterThan(3_000);
  expect(world.calls / world.begun).toBeLessThan(0.05);
});

test("[rate limits] a group's rate is kept across domains and used up; work without it goes on", () => {
  const rate = { permits: 10, perMs: 1_000, burst: 10 };
  const world = fair(["a", "b", "c"], 8, policy({ mail: { rate } }), [
    ["mail", 1_000, 20],
    [null, 1_000, 50],
  ]);
  world.run(60_000);
  const sent = world.begunIn.get("mail")!;
  expect(sent).toBeGreaterThan(550);
  expect(sent).toBeLessThanOrEqual(611);
  expect(world.begun - sent).toBe(3_000);
});

test("[rate limits] tokens that one domain has and does not need go back when another waits", () => {
  const world = fair(["a", "b"], 8, policy({ mail: { rate: { permits: 1, perMs: 3_600_000, burst: 10 } } }), []);
  const [a, b] = world.domains as [SimDomain, SimDomain];
  const submit = (domain: SimDomain, count: number) => {
    for (let index = 0; index < count; index++) domain.backlog.push({ priority: 128, at: world.time.now, ms: 10, group: "mail" });
    world.pump(domain);
  };
  submit(a, 10);
  // Cancelled before they started: the tokens are on their way.
  a.backlog.clear();
  world.run(5_000);
  submit(b, 10);
  world.run(10_000);
  expect(world.begunIn.get("mail")).toBe(10);
});

test("after a restart of the coordinator no bucket is full again, nor does one stay empty", () => {
  const world = fair(["a", "b"], 8, policy({ mail: { rate: { permits: 100, perMs: 3_600_000, burst: 100 } } }), [["mail", 60, 10]]);
  world.run(5_000);
  expect(world.begunIn.get("mail")).toBe(100);
  world.crashCoordinator(1_000);
  world.run(60_000);
  expect(world.begunIn.get("mail")).toBeLessThanOrEqual(101);
  world.run(1_200_000);
  expect(world.begunIn.get("mail")).toBe(120);
});

test("with a cap for every group each new group costs a call, not each task; idle groups make none", () => {
  const tenants = Array.from({ length: 50 }, (_, index): [string, number, number] => [`tenant ${index}`, 40, 50]);
  const world = fair(["a"], 16, policy({}, 2), tenants);
  world.run(20_000);
  expect(world.begun).toBe(2_000);
  expect(Math.max(...world.peakIn.values())).toBe(2);
  expect(world.calls / world.begun).toBeLessThan(0.05);
  const { calls } = world;
  world.run(600_000);
  expect(world.calls).toBe(calls);
});
