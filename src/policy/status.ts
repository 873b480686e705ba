import { invariant } from "./errors.ts";

/** Every stored status. `paused`, and `running` of a run, are shown but never stored. */
export const STATUSES = [
  "pending",
  "scheduled",
  "blocked",
  "waiting",
  "running",
  "completed",
  "failed",
  "dead_letter",
  "cancelled",
  "superseded",
  "expired",
  "dependency_failed",
] as const;
export type StoredStatus = (typeof STATUSES)[number];
/** What a caller sees. */
export type Status = StoredStatus | "paused";

export const TERMINAL = ["completed", "failed", "dead_letter", "cancelled", "superseded", "expired", "dependency_failed"] as const;
export type TerminalStatus = (typeof TERMINAL)[number];
const TERMINAL_SET: ReadonlySet<string> = new Set(TERMINAL);
export const isTerminal = (status: string): status is TerminalStatus => TERMINAL_SET.has(status);

/** The number a status has on disk. Terminal ones start at `FIRST_TERMINAL_CODE`; never renumber. */
export const STATUS_CODE: Readonly<Record<StoredStatus, number>> = {
  pending: 0,
  scheduled: 1,
  blocked: 2,
  waiting: 3,
  running: 4,
  completed: 10,
  failed: 11,
  dead_letter: 12,
  cancelled: 13,
  superseded: 14,
  expired: 15,
  dependency_failed: 16,
};
export const FIRST_TERMINAL_CODE = 10;
const BY_CODE = new Map<number, StoredStatus>(STATUSES.map((status) => [STATUS_CODE[status], status]));

/** The status that a number on disk stands for. */
export function statusFromCode(code: number): StoredStatus {
  const status = BY_CODE.get(code);
  invariant(status, `no status has the number ${code}`);
  return status;
}

/** Why a task changes its status. */
export type Cause =
  | "due"
  | "unblock"
  | "complete"
  | "fail"
  | "exhaust"
  | "poison"
  | "retry"
  | "cancel"
  | "supersede"
  | "replace"
  | "expire"
  | "reopen"
  | "run-now"
  | "lease"
  | "release"
  | "dependency"
  | "wait"
  | "finalize"
  | "child";

/**
 * The state machine: for each cause, from which stored status to which. A task in a run is `pending` on disk
 * (its run is named in the state row), so running work leaves from `pending`; one that a pull worker has leased is `running`. The diagram in
 * `docs/architecture.md` is generated from this table.
 */
export const TRANSITIONS: Readonly<Record<Cause, readonly (readonly [from: StoredStatus, to: StoredStatus])[]>> = {
  due: [["scheduled", "pending"]],
  unblock: [
    ["blocked", "pending"],
    ["blocked", "scheduled"],
  ],
  complete: [
    ["pending", "completed"],
    ["waiting", "completed"],
    ["running", "completed"],
  ],
  fail: [
    ["pending", "failed"],
    ["running", "failed"],
  ],
  exhaust: [
    ["pending", "dead_letter"],
    ["running", "dead_letter"],
  ],
  poison: [["pending", "dead_letter"]],
  retry: [
    ["pending", "scheduled"],
    ["pending", "pending"],
    ["running", "scheduled"],
    ["running", "pending"],
  ],
  cancel: [
    ["pending", "cancelled"],
    ["scheduled", "cancelled"],
    ["blocked", "cancelled"],
    ["waiting", "cancelled"],
    ["running", "cancelled"],
  ],
  supersede: [
    ["pending", "superseded"],
    ["scheduled", "superseded"],
    ["blocked", "superseded"],
    ["waiting", "superseded"],
    ["running", "superseded"],
  ],
  replace: [
    ["pending", "pending"],
    ["pending", "scheduled"],
    ["scheduled", "pending"],
    ["pending", "blocked"],
    ["scheduled", "scheduled"],
    ["scheduled", "blocked"],
    ["blocked", "pending"],
    ["blocked", "scheduled"],
    ["blocked", "blocked"],
  ],
  expire: [
    ["pending", "expired"],
    ["scheduled", "expired"],
    ["blocked", "expired"],
    ["waiting", "expired"],
    ["running", "expired"],
  ],
  "run-now": [["scheduled", "pending"]],
  dependency: [["blocked", "dependency_failed"]],
  wait: [["pending", "waiting"]],
  finalize: [
    ["pending", "pending"],
    ["waiting", "pending"],
  ],
  child: [
    ["pending", "failed"],
    ["scheduled", "failed"],
    ["blocked", "failed"],
    ["waiting", "failed"],
  ],
  lease: [["pending", "running"]],
  release: [["running", "pending"]],
  // What was superseded has been replaced: its key's newest task is the one to retry.
  reopen: TERMINAL.flatMap((from) => (from === "superseded" ? [] : [[from, "pending"] as const, [from, "blocked"] as const])),
};

const ALLOWED = new Set(Object.entries(TRANSITIONS).flatMap(([cause, moves]) => moves.map(([from, to]) => `${cause}:${from}:${to}`)));

/** Whether the table allows it. */
const canMove = (cause: Cause, from: StoredStatus, to: StoredStatus): boolean => ALLOWED.has(`${cause}:${from}:${to}`);

/** The new status's number on disk; breaks an invariant when the table does not allow the move. */
export function move(cause: Cause, from: StoredStatus, to: StoredStatus): number {
  invariant(canMove(cause, from, to), `a task may not go from ${from} to ${to} by ${cause}`);
  return STATUS_CODE[to];
}
