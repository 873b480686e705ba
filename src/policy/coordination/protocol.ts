import type { MillEvent } from "../events/event.ts";
import type { DomainFigures } from "../figures.ts";
import type { GroupChange } from "../group-rules.ts";
import type { AgingPolicy } from "../aging.ts";
import type { CheckedPressure, CheckedSettings } from "../settings.ts";
import type { AuditApi } from "../audit.ts";
import type { Flags } from "./flags.ts";
import type { PreemptRequest, Room, RoomOrder } from "./victims.ts";
import type { GroupView } from "./view.ts";

/** Ready work of one group and priority level, as a holder tells the coordinator. */
export interface Demand {
  /** null: no group. */
  group: string | null;
  /** 0 to 255, effective. */
  priority: number;
  /** How many slots it could use now; saturates at the mill's cap. */
  count: number;
  /** Age of the oldest of them. */
  oldestMs: number;
}

/** A Domain object tells what it uses and wants. */
export interface SyncRequest {
  /** The domain's name. */
  holder: string;
  /** Random, made in the object's constructor. */
  incarnation: string;
  /** How long it has lived; absent: nobody knows. */
  aliveMs?: number;
  /** Grows by one with each request of an incarnation; older ones are ignored. */
  seq: number;
  /** The highest version of a grant that it has applied: what it confirms. */
  version: number;
  /** What it holds after applying that version: never below `using`. */
  holding: number;
  /** Slots occupied by runs under way, orphans of an earlier incarnation included. */
  using: number;
  wanting: Demand[];
  /** Groups that it holds, uses or has ready work of. */
  groups?: ReadonlyMap<string, GroupReport>;
  /** Of groups that it does not name it holds nothing. Absent: up to `holding`. */
  closed?: true;
  /** Its figures, now and then. */
  figures?: DomainFigures;
  /** The domain's own cap, or null. */
  cap: number | null;
  /** Pull workers may hold leases for this long, counted from before the request was sent. Absent: none is out, and none will be before an answer that says so. */
  leaseMs?: number;
  /** The version of the flags that it knows; absent: none. */
  flags?: number;
}

/** What a holder says of one group. */
export interface GroupReport {
  /** What it may come to use after applying the request's version: never below `using`. */
  holding: number;
  /** Slots occupied by its runs. */
  using: number;
  /** Ready tasks, whatever they wait for. */
  pending: number;
  /** Of a group with a rate limit. */
  tokens?: TokenCount;
}

/** Tokens since the incarnation began, each number growing only: what is unspent is the first less the others. */
export interface TokenCount {
  granted: number;
  spent: number;
  /** Given back, or void since a grant ran out. */
  returned: number;
  /** How long ago the last one was spent. */
  spentMs?: number;
}

/** What a grant says of one group. */
interface GroupGrant {
  /** How many of the grant's slots the group may occupy; `UNCAPPED` where it has no cap. */
  slots: number;
  /** How many tasks this incarnation may have started in all. Absent: no rate limit. */
  tokens?: number;
  /** When the next token is there, counted from the answer. */
  opensMs?: number;
}

/** Absolute numbers, never differences; durations, never instants. */
export interface Grant {
  version: number;
  /** How many slots it may occupy in all. */
  slots: number;
  /** Valid this long, counted by the holder from before it asked. A push extends nothing: 0. */
  leaseMs: number;
  /** Slots are short somewhere: give back what is unused. */
  short?: true;
  /** Where groups have limits: what each may use. A group that is not named may start nothing until the holder has asked. Absent: no group has a limit. */
  perGroup?: ReadonlyMap<string, GroupGrant>;
  /** Where groups have weights: how many of the slots each should have, `""` for ungrouped work. Whoever has fewer goes first; the others may use what is left. */
  shares?: ReadonlyMap<string, number>;
  /** Others wait for slots or tokens of these groups: give back what is unused. */
  shortGroups?: readonly string[];
}

/** What a holder holds after a push. */
export interface Confirmation {
  version: number;
  holding: number;
  /** By group, where any is named; see `closed` of `SyncRequest`. */
  groups?: ReadonlyMap<string, number>;
  closed?: true;
}

/** What the coordinator answers. */
export interface SyncAnswer {
  grant: Grant;
  /** The request was older than one it has seen: nothing was changed, the grant is not to be applied. */
  stale?: true;
  /** `leaseMs` of the request holds: stored, and no slot is taken back before. */
  leased?: true;
  /** Newer than those that the holder knows: to be stored before it starts anything. */
  flags?: Flags;
}

/** A Worker after a deploy: the domains that are to be woken, and those with startup jobs. */
export interface StartupRequest {
  /** `""`: unknown; then it is done once per start of the coordinator. */
  version: string;
  wake: string[];
  start: string[];
}

/** Those of them that the caller is to see to now. */
export interface StartupAnswer extends StartupRequest {
  /** Others are at work, or rest after a failure: when to ask again. Null: nobody is. */
  retryMs: number | null;
}

export interface StartupReport {
  /** Of the answer. */
  version: string;
  woken: string[];
  started: string[];
  /** `wake media`, `start media`. */
  failed: string[];
}

/** The Coordinator object, over RPC. */
export interface CoordinatorApi extends AuditApi {
  sync(request: SyncRequest): Promise<SyncAnswer>;
  /** Makes room for urgent work that finds no slot; answers how many slots are on their way. */
  preempt(request: PreemptRequest): Promise<number>;
  /** Live settings of the mill, stored; absent: stays. */
  configure(change: CheckedSettings): Promise<CoordinatorSnapshot>;
  snapshot(): Promise<CoordinatorSnapshot>;
  /** Nothing starts in the whole mill any more, what runs is aborted. Answers when every domain that can be reached knows, after 2 s at most. */
  pause(): Promise<CoordinatorSnapshot>;
  resume(): Promise<CoordinatorSnapshot>;
  /** Every group that has settings, tasks or slots, by name. */
  groups(): Promise<GroupView[]>;
  /** Changes a group's settings, at once and for good; what they take ends no run. */
  setGroup(group: string, change: GroupChange): Promise<GroupView>;
  /** The same for one group in every domain; with `until` (epoch ms) it ends by itself. */
  pauseGroup(group: string, until?: number): Promise<GroupPauseView>;
  resumeGroup(group: string): Promise<GroupPauseView>;
  /** What a pressure source says, for so long. */
  pressure(source: CheckedPressure): Promise<PressureView>;
  /** The domains that the minute cron should poke now, at most 50. */
  sweepList(): Promise<string[]>;
  /** What a deploy asks for once: the part of it that the caller is to do. */
  startup(request: StartupRequest): Promise<StartupAnswer>;
  /** What became of it. */
  started(report: StartupReport): Promise<void>;
  /** Events of a domain, for those who listen to the whole mill. `isHeard: false`: nobody does any more. */
  forward(events: readonly MillEvent[]): Promise<{ isHeard: boolean }>;
  /** A domain's figures, when no sync took them along. */
  tellFigures(domain: string, figures: DomainFigures): Promise<void>;
  /** What `/metrics` shows, from memory: no domain is asked. */
  metrics(): Promise<MillFigures>;
}

/** What the ledger knows: who holds how many slots. */
export interface LedgerSnapshot {
  maxConcurrency: number;
  granted: number;
  using: number;
  holders: { domain: string; granted: number; using: number; wanting: number; syncedMsAgo: number | null }[];
}

/** The mill's figures: its own, and what each domain last told. */
export interface MillFigures extends CoordinatorSnapshot {
  /** `at`: when it was told, epoch ms. */
  domains: { domain: string; at: number; figures: DomainFigures }[];
  /** Since the coordinator's start. */
  groupPauses: Record<string, { paused: number; resumed: number }>;
  /** Of groups with a rate limit, since the coordinator's start: how often a domain had to wait for the next token. */
  groupThrottles: Record<string, number>;
  /** When this was said, epoch ms. */
  at: number;
}

/** The mill at a glance. */
export interface CoordinatorSnapshot extends LedgerSnapshot {
  paused: boolean;
  /** Since when; RFC 3339. */
  pausedAt: string | null;
  /** The cap of each group that names none; null: none. */
  defaultGroupMaxConcurrency: number | null;
  /** How waiting tasks grow more urgent; null: not at all. */
  aging: AgingPolicy | null;
  pressure: PressureView;
  pausedGroups: GroupPauseView[];
  /** As `groups` tells them; to a token for some domains, none. */
  groups: GroupView[];
}

/** A group's pause as everybody sees it. */
export interface GroupPauseView {
  name: string;
  paused: boolean;
  /** Since when, and when it ends by itself; RFC 3339. */
  pausedAt: string | null;
  pausedUntil: string | null;
}

/** Backpressure: the highest source, and each of those that still count. */
export interface PressureView {
  /** 0 to 1. */
  composite: number;
  sources: Record<string, { value: number; remainingMs: number }>;
}

/** The incarnation named by a push that asks whoever is there to sync: sent after the coordinator restarted. */
export const ANY_INCARNATION = "";

/** What the coordinator calls on a Domain object: a changed grant, or the question to give back; changed flags. */
export interface GrantReceiver {
  pushGrant(incarnation: string, grant: Grant): Promise<Confirmation | null>;
  /** What could make room for more urgent work, and what is told to. */
  makeRoom(order: RoomOrder): Promise<Room>;
  /** Answers with the version that it knows now. */
  pushFlags(flags: Flags): Promise<number>;
}

/** Periods of the protocol, in ms. A holder's slots are reclaimed at grant lease + slack + run lease after its last sync. */
export const COORDINATION = {
  /** A grant is good for this long: counted by the holder from before it asked. */
  grantLeaseMs: 30_000,
  /** What the coordinator adds, after it answered: drift of clocks and messages to runners under way. */
  slackMs: 2_000,
  /** A run whose lease is not renewed is over after this, by the runner's clock. */
  runLeaseMs: 10_000,
  /** And the object takes it for over after this, from its last renewal or its own wake: a message to the runner may have been under way. */
  runOverMs: 12_000,
  /** Open runs have their grant renewed this long after the last time. */
  renewAfterMs: 15_000,
  /** A holder that wants and has nothing asks again after this. */
  reaskMs: 5_000,
  /** Least time between two syncs that only refine what the coordinator knows. */
  refineMs: 250,
  backoffMinMs: 250,
  backoffMaxMs: 5_000,
  /** A request without answer or failure for this long counts as failed. */
  requestTimeoutMs: 20_000,
  /** A cut that nobody confirmed is pushed again after this. */
  repushMs: 2_000,
  /** Flags that did not reach a domain are pushed again as often as this many times: longer than any grant lasts. */
  flagPushes: 20,
  /** A domain with work behind a flag of the coordinator asks it again after this. */
  flagsStaleMs: 60_000,
  /** Steps in which the stored `until` of a holder's row is moved: one row per step, not per sync. */
  untilStepMs: 600_000,
  /** The global cap of a mill that names none. */
  maxConcurrency: 16,
} as const;
