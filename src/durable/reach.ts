import { exports } from "cloudflare:workers";
import { type Clock, systemClock } from "../clock.ts";
import type { CoordinatorApi, GrantReceiver } from "../policy/coordination/protocol.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import type { AuditNote } from "../policy/audit.ts";
import { attach } from "./audit.ts";
import { acceptAnswer } from "./refusal.ts";
import type { Neighbour } from "./mail.ts";
import type { DomainApi, RunnerApi, RunResume } from "./protocol.ts";

/** The one coordinator's name. */
export const COORDINATOR = "mill";

type Stub = Record<string, (...args: unknown[]) => Promise<unknown>>;
interface Namespace {
  getByName(name: string): unknown;
}

/** Calls that change nothing, or the same when made twice: asked again after an infrastructure error. */
const DOMAIN_READS = [
  "get",
  "graph",
  "why",
  "result",
  "list",
  "count",
  "look",
  "snapshot",
  "auditLog",
  "schedules",
  "schedule",
  "poke",
  "drain",
  "leasedType",
  "renewLease",
] as const satisfies (keyof DomainApi)[];
const DOMAIN_WRITES = [
  "submit",
  "cancel",
  "startBulk",
  "retry",
  "runNow",
  "backfill",
  "configure",
  "pause",
  "resumeDomain",
  "createSchedule",
  "updateSchedule",
  "scheduleAction",
  "claim",
  "settleLease",
] as const satisfies (keyof DomainApi)[];
const NEIGHBOUR_READS = ["ask"] as const satisfies (keyof Neighbour)[];
const NEIGHBOUR_WRITES = ["deliver"] as const satisfies (keyof Neighbour)[];
const COORDINATOR_READS = [
  "metrics",
  "snapshot",
  "groups",
  "auditLog",
  "sweepList",
  "startup",
  "started",
  "pause",
  "resume",
  "pauseGroup",
  "resumeGroup",
  "pressure",
] as const satisfies (keyof CoordinatorApi)[];
const COORDINATOR_WRITES = [
  "forward",
  "tellFigures",
  "sync",
  "preempt",
  "configure",
  "setGroup",
] as const satisfies (keyof CoordinatorApi)[];

const RETRIES = 2;
const RETRY_BASE_MS = 100;
/** What a caller is told to wait before it asks again. */
const RETRY_AFTER_MS = 1_000;

/**
 * The Domain object of that name, from anywhere in the Worker: a fresh stub for every attempt, errors as
 * `MillraceError` again, reads and idempotent submits asked up to three times.
 *
 * @param note is written into the audit log with the change that a call makes
 * @throws `domain_unreachable` or `overloaded` where the platform failed; a write may or may not have happened then
 * @example `await reachDomain("media").get("media_17");`
 */
export function reachDomain(name: string, clock: Clock = systemClock, note?: AuditNote): DomainApi {
  const stub = (): Stub => namespace("MillDomain").getByName(name) as Stub;
  return api<DomainApi>(stub, `the domain ${name}`, DOMAIN_READS, DOMAIN_WRITES, clock, attach(note));
}

/** The Domain object of that name as the others see it; its deliveries are repeated by their outbox alone. */
export function reachNeighbour(name: string, clock: Clock = systemClock): Neighbour {
  const stub = (): Stub => namespace("MillDomain").getByName(name) as Stub;
  return api<Neighbour>(stub, `the domain ${name}`, NEIGHBOUR_READS, NEIGHBOUR_WRITES, clock, []);
}

/** A bare stub of the Domain object, for a runner that lost its link: what `resumeRun` answers with lives on it. */
export const reachRun = (name: string): RunResume & Pick<DomainApi, "submit"> =>
  namespace("MillDomain").getByName(name) as RunResume & Pick<DomainApi, "submit">;

/** A bare stub of the Domain object, for the coordinator's pushes. */
export const reachHolder = (name: string): GrantReceiver => namespace("MillDomain").getByName(name) as GrantReceiver;

/** The Worker's runner, through `exports`, so that a host needs no binding. It has no state: a broken call spoils no other. */
export function reachRunner(): RunnerApi {
  const found = (exports as unknown as Record<string, RunnerApi | undefined>)["MillRunner"];
  if (found) return found;
  throw fail(
    "internal",
    "The Worker does not export the entrypoint MillRunner. Write `export const { MillDomain, MillCoordinator, MillRunner } = mill;` in its main module.",
  );
}

/** The mill's coordinator, in the same way as a domain. */
export function reachCoordinator(clock: Clock = systemClock, note?: AuditNote): CoordinatorApi {
  const stub = (): Stub => namespace("MillCoordinator").getByName(COORDINATOR) as Stub;
  return api<CoordinatorApi>(stub, "the coordinator", COORDINATOR_READS, COORDINATOR_WRITES, clock, attach(note));
}

export function namespace(name: "MillDomain" | "MillCoordinator"): Namespace {
  const found = (exports as unknown as Record<string, Namespace | undefined>)[name];
  if (found && typeof found.getByName === "function") return found;
  throw fail(
    "internal",
    `The Worker does not export the Durable Object class ${name}. Write \`export const { MillDomain, MillCoordinator, MillRunner } = mill;\` in its main module, ` +
      "and name both object classes under [[migrations]] new_sqlite_classes in wrangler.toml.",
  );
}

function api<Api>(
  stub: () => Stub,
  who: string,
  reads: readonly string[],
  writes: readonly string[],
  clock: Clock,
  note: readonly unknown[],
): Api {
  const calls: Stub = {};
  for (const method of reads) calls[method] = (...args) => attempt(stub, who, method, [...args, ...note], RETRIES, clock);
  for (const method of writes)
    calls[method] = (...args) => attempt(stub, who, method, [...args, ...note], isIdempotent(args) ? RETRIES : 0, clock);
  return calls as Api;
}

/** A submit with an idempotency key may be sent twice. */
function isIdempotent(args: unknown[]): boolean {
  const [first] = args;
  return typeof first === "object" && first !== null && "idempotency" in first && first.idempotency !== undefined;
}

function attempt(stub: () => Stub, who: string, method: string, args: unknown[], retries: number, clock: Clock): Promise<unknown> {
  return repeat(async () => acceptAnswer(await stub()[method]!(...args)), who, clock, retries);
}

/** Makes a call that may be made twice, again after an infrastructure error; errors as `MillraceError`. */
export async function repeat<T>(call: () => Promise<T>, who: string, clock: Clock, retries = RETRIES): Promise<T> {
  for (let failed = 0; ; failed += 1) {
    try {
      return await call();
    } catch (error) {
      const known = translate(error, who);
      if (failed >= retries || !MillraceError.is(known, "domain_unreachable")) throw known;
      await clock.sleep(RETRY_BASE_MS * 2 ** failed * (0.5 + clock.random()));
    }
  }
}

/** An error of the platform as ours; every other as it is. */
function translate(error: unknown, who: string): unknown {
  const revived = MillraceError.revive(error);
  if (revived instanceof MillraceError || typeof error !== "object" || error === null) return revived;
  const { overloaded, retryable, durableObjectReset, message = "" } = error as Record<string, unknown> & { message?: string };
  const facts = { retryAfterMs: RETRY_AFTER_MS, cause: message };
  if (overloaded === true)
    return fail("overloaded", `More is asked of ${who} than it can answer; ask again in a while, with less at once.`, facts);
  if (retryable === true || durableObjectReset === true || /network connection lost/i.test(message)) {
    return fail(
      "domain_unreachable",
      `The connection to ${who} broke; ask again. A change may or may not have happened: an idempotency key makes repeating safe.`,
      facts,
    );
  }
  return error;
}
