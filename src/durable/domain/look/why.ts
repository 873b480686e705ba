import { aheadOf } from "../../../policy/ahead.ts";
import type { Pause } from "../../../policy/coordination/flags.ts";
import type { CoordinatorApi } from "../../../policy/coordination/protocol.ts";
import type { GateHold } from "../../../policy/gate.ts";
import { taskId } from "../../../policy/ids.ts";
import { own } from "../../../policy/own.ts";
import { FINALIZE_LEVEL } from "../../../policy/priority.ts";
import { isTerminal, statusFromCode, type Status } from "../../../policy/status.ts";
import { explain, NAMED, type GateName, type Hold, type Why } from "../../../policy/why.ts";
import { point } from "../../point.ts";
import { urgencyOf } from "../gates/age.ts";
import { mustRead } from "../run/cancel.ts";
import { readLivingIds } from "../graph/children.ts";
import type { Core } from "../core.ts";
import { readStatuses } from "../graph/edges.ts";
import { readLivingKin } from "../graph/kin.ts";
import type { Lease } from "../pull/leases.ts";
import { nameOf, upstreamStatus } from "../graph/remotes.ts";
import { FAMILY } from "../run/order.ts";
import { pressed } from "../gates/press.ts";
import { optionsOf, type TaskRow } from "../rows.ts";
import type { Run } from "../run/run.ts";
import { isHeld } from "../graph/waves.ts";
import { stoppedBy } from "../run/stop.ts";

/** Everything that keeps a task from running now. Only where slots are short the coordinator is asked, for the mill's figures. */
export async function why(core: Core, id: number, reach: () => CoordinatorApi): Promise<Why> {
  const now = core.clock.now();
  const row = mustRead(core, id);
  const status = statusFromCode(row.status);
  if (isTerminal(status)) return explain([], true);
  const run = core.claims.get(id);
  if (run) return explain(claimed(core, run, row), false);
  const lease = core.leases.ofTask(id);
  if (lease) return explain(leased(row, lease, now), false);
  const holds = [...waiting(core, row, now), ...standing(core, row)];
  if (status !== "pending") return explain(holds, false);
  // Behind a flag no turn comes: what would hold it all the same is told, as far as it is known.
  const isNext = holds.length === 0;
  holds.push(...ready(core, row, isNext), ...(await (isNext ? grouped(core, row, now, reach) : groupedElsewhere(core, row, reach))));
  if (core.holder.free(now) <= 0)
    holds.push(
      ...(await slots(
        core,
        reach,
        holds.every(({ gate }) => TURN.has(gate)),
      )),
    );
  return explain(holds, false);
}

/** In a run: it executes, or comes later in it; and it may have been told to stop. */
function claimed(core: Core, run: Run, row: TaskRow): Hold[] {
  const holds: Hold[] = [];
  const open = [...run.open];
  const before = open.slice(0, open.indexOf(row.id)).map((one) => taskId(core.name, one));
  if (before.length > 0) holds.push({ gate: "run", before });
  if (run.orphanUntil !== undefined) holds.push({ gate: "orphaned", until: run.orphanUntil });
  const reason = stoppedBy(row.cancelling) ?? run.aborts.get(row.id);
  if (reason !== undefined) holds.push({ gate: "stopping", reason });
  return holds;
}

function leased(row: TaskRow, { worker, until }: Lease, now: number): Hold[] {
  const reason = stoppedBy(row.cancelling) ?? ((row.deadline_at ?? Infinity) <= now ? "deadline" : undefined);
  return reason === undefined ? [] : [{ gate: "stopping", reason, worker, until }];
}

/** What it waits for by itself. */
function waiting(core: Core, row: TaskRow, now: number): Hold[] {
  const holds: Hold[] = [];
  const status = statusFromCode(row.status);
  if (row.run_at !== null && (status === "scheduled" || row.run_at > now)) {
    const failed = row.attempt > 0 && row.error !== null ? (JSON.parse(row.error) as { message: string }) : undefined;
    holds.push(
      failed
        ? { gate: "retry", until: row.run_at, attempt: row.attempt, message: failed.message }
        : { gate: "scheduled", until: row.run_at },
    );
  }
  if (status === "blocked") holds.push(...blocked(core, row));
  if (status === "waiting") {
    const { active, total } = core.families.of(row);
    holds.push({
      gate: "children",
      active,
      total,
      some: [...readLivingIds(core, row.id, NAMED), ...readLivingKin(core, row.id)].slice(0, NAMED).map((one) => nameOf(core, one)),
    });
  }
  return holds;
}

function blocked(core: Core, row: TaskRow): Hold[] {
  const holds: Hold[] = [];
  const { dependsOn = [], after } = optionsOf(row);
  const statuses = readStatuses(core.store, after === undefined ? dependsOn : [...dependsOn, after]);
  const alive = (one: number): Status | undefined => {
    const status = upstreamStatus(statuses.get(one));
    return status === "purged" || isTerminal(status) ? undefined : status;
  };
  const tasks = dependsOn.flatMap((one) => {
    const status = alive(one);
    return status === undefined ? [] : [{ id: nameOf(core, one), status }];
  });
  if (tasks.length > 0) holds.push({ gate: "dependencies", tasks });
  if (isHeld(core, row.id)) holds.push({ gate: "backfill" });
  if (after !== undefined && alive(after) !== undefined) holds.push({ gate: "successor", of: nameOf(core, after) });
  return holds;
}

/** Flags: they hold whatever waits, whether it is ready or not. */
function standing(core: Core, { type, grp }: TaskRow): Hold[] {
  const { flags, pause } = core.state;
  const until = (of: Pause | null | undefined) => (of?.until === undefined ? {} : { until: of.until });
  const holds = core.pauses.reasons(grp).map((reason): Hold => {
    if (reason === "mill") return { gate: "mill_paused", ...until(flags.paused) };
    if (reason === "group") return { gate: "group_paused", group: grp!, ...until(own(flags.groups, grp!)) };
    return { gate: "domain_paused", ...until(pause) };
  });
  if (!core.definition?.types.has(type)) holds.push({ gate: "unregistered", type, domain: core.name });
  return holds;
}

/** What holds a task that is ready; with `isNext` what holds it until its turn, too. */
function ready(core: Core, row: TaskRow, isNext: boolean): Hold[] {
  const now = core.clock.now();
  const urgency = row.family === FAMILY.finalizing ? FINALIZE_LEVEL : urgencyOf(core, row, now);
  const holds: Hold[] = pressed(core, urgency, now);
  const held = core.gatekeeper.heldBy(row.id);
  if (held) holds.push(gateHold(core, held));
  const overdraft = core.budgets.overdraft(row.type);
  if (overdraft) holds.push({ gate: "io", type: row.type, ...overdraft });
  if (isNext && row.suspect === 1) holds.push({ gate: "suspect" });
  const isPull = core.definition?.types.get(row.type)?.pull === true;
  if (isPull) {
    const asking = [...core.claimers.all()].filter(({ request, wants }) => wants > 0 && request.types.includes(row.type)).length;
    if (isNext || asking === 0) holds.push({ gate: "claimers", type: row.type, asking });
  }
  const until = core.rates.opensAt(row.type);
  if (until !== null) holds.push({ gate: "type_rate", type: row.type, until });
  const ahead = !isNext || row.family === FAMILY.finalizing ? 0 : aheadOf(core.lanes, urgency, row.id);
  if (ahead > 0) holds.push({ gate: "order", ahead });
  return holds;
}

function gateHold(core: Core, { reason, at, isError }: GateHold): Hold {
  const until = at === undefined ? {} : { until: at };
  return isError ? { gate: "gate_error", domain: core.name, reason } : { gate: "gate", domain: core.name, reason, ...until };
}

/** What its group may not do now: its cap here, with the mill's figures, or its rate. */
async function grouped(core: Core, { grp }: TaskRow, now: number, reach: () => CoordinatorApi): Promise<Hold[]> {
  if (grp === null) return [];
  const shut = core.holder.gate(now, grp);
  if (shut?.gate === "group_rate") return [{ ...shut, group: grp }];
  if (shut?.gate !== "group_cap") return [];
  const view = await groupView(core, grp, reach);
  const whole = view === undefined || view.maxConcurrency === null ? {} : { running: view.running, of: view.maxConcurrency };
  return [{ gate: "group_cap", group: grp, taken: shut.using, cap: shut.most, ...whole }];
}

/** The same behind a flag, where the domain asks for nothing: what holds its group in the whole mill. */
async function groupedElsewhere(core: Core, { grp }: TaskRow, reach: () => CoordinatorApi): Promise<Hold[]> {
  if (grp === null) return [];
  const { running = 0, maxConcurrency, rate } = (await groupView(core, grp, reach)) ?? {};
  const holds: Hold[] = [];
  const taken = [...core.runs.values(), ...core.leases.all()].filter(({ group }) => group === grp).length;
  const of = maxConcurrency ?? Infinity;
  if (running >= of) holds.push({ gate: "group_cap", group: grp, taken, cap: Math.max(taken, of - running + taken), running, of });
  if (rate && rate.available < 1) holds.push({ gate: "group_rate", group: grp });
  return holds;
}

const groupView = async (core: Core, group: string, reach: () => CoordinatorApi) =>
  (await ask(core, () => reach().groups()))?.find(({ name }) => name === group);

/** What holds no task where there is a slot for it. */
const TURN: ReadonlySet<GateName> = new Set(["order", "suspect"]);

/**
 * Which cap leaves no slot.
 *
 * @param wanted whether it waits for nothing else: then the domain has asked for a slot, and is not given one
 */
async function slots(core: Core, reach: () => CoordinatorApi, wanted: boolean): Promise<Hold[]> {
  const { cap, holder } = core;
  const holds: Hold[] = [];
  if (cap !== null && holder.using >= cap) holds.push({ gate: "domain_cap", taken: holder.using, cap });
  const { granted } = holder;
  const mill = await ask(core, () => reach().snapshot());
  if (mill && mill.granted >= mill.maxConcurrency) holds.push({ gate: "mill_cap", taken: mill.granted, cap: mill.maxConcurrency });
  if (wanted && holds.length === 0) holds.push({ gate: "slot", granted, reached: mill !== undefined });
  return holds;
}

async function ask<T>(core: Core, question: () => Promise<T>): Promise<T | undefined> {
  try {
    point("why.call", core.name);
    const answer = await question();
    point("why.answered", core.name);
    return answer;
  } catch {
    // Out of reach: the domain's own figures have to do.
    return undefined;
  }
}
