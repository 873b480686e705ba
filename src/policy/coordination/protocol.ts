/** Ready work of one group and priority level, as a holder tells the coordinator. */
export interface Demand {
  /** null: no group. Group caps come later; the shape is final. */
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
  /** Grows by one with each request of an incarnation; older ones are ignored. */
  seq: number;
  /** The highest version of a grant that it has applied: what it confirms. */
  version: number;
  /** What it holds after applying that version: never below `using`. */
  holding: number;
  /** Slots occupied by runs under way, orphans of an earlier incarnation included. */
  using: number;
  wanting: Demand[];
  /** The domain's own cap, or null. */
  cap: number | null;
}

/** Absolute numbers, never differences; durations, never instants. */
export interface Grant {
  version: number;
  /** How many slots it may occupy in all. */
  slots: number;
  /** Valid this long, counted by the holder from before it asked. */
  leaseMs: number;
}

/** What the coordinator answers; `stale` when the request was older than one it has seen. */
export interface SyncAnswer {
  grant: Grant;
  /** Slots are short somewhere: give back what is unused. */
  stale?: true;
}

/** The Coordinator object, over RPC. */
export interface CoordinatorApi {
  sync(request: SyncRequest): Promise<SyncAnswer>;
  configure(change: { maxConcurrency?: number }): Promise<CoordinatorSnapshot>;
  snapshot(): Promise<CoordinatorSnapshot>;
  /** The domains that the minute cron should poke now, at most 50. */
  sweepList(): Promise<string[]>;
}

export interface CoordinatorSnapshot {
  maxConcurrency: number;
  granted: number;
  using: number;
  holders: { domain: string; granted: number; using: number; wanting: number; syncedMsAgo: number | null }[];
}

/** What the coordinator calls on a Domain object: a changed grant, or the question to give back. */
export interface GrantReceiver {
  pushGrant(incarnation: string, grant: Grant): Promise<{ version: number; holding: number } | null>;
}
