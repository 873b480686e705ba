import type { Core } from "../core.ts";
import { takeBackfill } from "../graph/backfill.ts";
import { type Abandon, type KinEnds, type SpawnBody, type SpawnedBody, spawned, takeAbandon, takeKin, takeSpawn } from "../graph/kin.ts";
import { takeMove, type Move } from "../graph/move.ts";
import { type Probe, takeProbe } from "../graph/probe.ts";
import { loadSettle, settled, type Settle, type Settled } from "../graph/tell.ts";
import type { SubmitItem } from "../../protocol.ts";
import { takeWebhooks } from "../history/webhooks.ts";
import { takeSettle, takeUnwatch, takeWatch, watched } from "../graph/watch.ts";
import { type Fill, filled, takeThrough, type Through } from "../graph/waves.ts";

/**
 * What domains tell each other, by kind: what a row of the outbox says, and what its target answers. To add a kind: a line here
 * and one in `MESSAGES`.
 */
interface Messages {
  /** Counters of the target's tasks: tell us how they end. Answered with those that are gone. */
  watch: { body: number[]; sent: number[]; answer: number[] };
  /** Nothing here depends on them any more. */
  unwatch: { body: number[]; sent: number[]; answer: null };
  /** Tasks that the target watches have ended, or live again. */
  settle: { body: Settle; sent: Settled; answer: null };
  /** Tasks of the sender's are run again: what depended on them here follows. Answered with whether that is through. */
  backfill: { body: Fill; sent: Fill; answer: boolean };
  /** The target's message is through after all. */
  through: { body: Through; sent: Through; answer: null };
  /** Another task took the place of one that the target watches: it watches that one now. */
  move: { body: Move; sent: Move; answer: null };
  /** Children of a task of the sender's, for the target. Answered with their counters. */
  spawn: { body: SpawnBody; sent: SpawnBody; answer: SpawnedBody };
  /** Children whose parents are the target's have ended, or live again. */
  kin: { body: KinEnds; sent: KinEnds; answer: null };
  /** Events for webhooks: deliveries, for the domain that makes them. */
  webhooks: { body: SubmitItem[]; sent: SubmitItem[]; answer: null };
  /** Tasks that may have closed a circle: what they wait for is followed wherever it leads. */
  probe: { body: Probe; sent: Probe; answer: null };
  /** The parent is over, in another way than by completing: its living children are cancelled. */
  abandon: { body: Abandon; sent: Abandon; answer: null };
}

export type MessageName = keyof Messages;
export type BodyOf<Kind extends MessageName> = Messages[Kind]["body"];

/** Where a message comes from. `id` grows with every message of a domain: of two about the same thing the greater one is the later. */
export interface Envelope {
  from: string;
  id: number;
  now: number;
}

/** A message that its target has answered. */
export interface Answered<Kind extends MessageName> {
  target: string;
  id: number;
  body: Messages[Kind]["body"];
  answer: Messages[Kind]["answer"];
}

/** How a kind is sent and taken in, and what follows from its answer. All of it is synchronous. */
export interface MessageKind<Kind extends MessageName> {
  /** Sender, at each attempt: makes of the row's body what goes over the wire, such as results. Without it the body goes as it is. */
  load?(core: Core, body: Messages[Kind]["body"]): Messages[Kind]["sent"];
  /**
   * Target, inside the transaction of the batch. A message may come twice, and late, so it must be idempotent. What it throws
   * is told to the sender, who tries again later; the messages behind it go on.
   */
  take(core: Core, sent: Messages[Kind]["sent"], envelope: Envelope): Messages[Kind]["answer"];
  /** Sender, in the transaction that deletes the row. */
  answered?(core: Core, message: Answered<Kind>): void;
}

export const MESSAGES: { readonly [Kind in MessageName]: MessageKind<Kind> } = {
  watch: { take: takeWatch, answered: watched },
  unwatch: { take: takeUnwatch },
  settle: { load: loadSettle, take: takeSettle, answered: settled },
  backfill: { take: takeBackfill, answered: filled },
  through: { take: takeThrough },
  move: { take: takeMove },
  spawn: { take: takeSpawn, answered: spawned },
  kin: { take: takeKin },
  abandon: { take: takeAbandon },
  probe: { take: takeProbe },
  webhooks: { take: takeWebhooks },
};
