import type { TaskError } from "../../../domains/task.ts";
import { type EventName, type MillEvent, nextSeq } from "../../../policy/events/event.ts";
import type { Entry } from "../../../policy/events/ring.ts";
import { taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { cutUtf8 } from "../../../policy/text.ts";
import { countEvent } from "../look/figures.ts";
import type { Core } from "../core.ts";
import type { TaskRow } from "../rows.ts";
import { postWebhooks } from "./webhooks.ts";
import { ProgressTeller } from "../run/tell-progress.ts";

/** What an event says beside its name. */
export type Facts = Record<string, unknown>;

/** A task as an event names it. Kept for minutes, so never a whole row. */
export interface Subject {
  id: number;
  type?: string;
  label?: string | null | undefined;
  /** As stored, or taken apart. */
  tags?: string | Record<string, string> | null | undefined;
  facts?: Facts;
  /** For the figures: when it was submitted, and whether it has never started before. */
  createdAt?: number;
  isFirst?: boolean;
}

export const subjectOf = ({ id, type, label, tags }: Pick<TaskRow, "id" | "type" | "label" | "tags">): Subject => ({
  id,
  type,
  label,
  tags,
});

/** An error as events tell it: without its stack, and short. */
export function errorFact(error: TaskError | string | null | undefined): Facts {
  if (error === null || error === undefined) return {};
  const { name, message, code } = typeof error === "string" ? (JSON.parse(error) as TaskError) : error;
  return { error: { name, message: cutUtf8(message, LIMITS.errorHistoryBytesMax), ...(code === undefined ? {} : { code }) } };
}

/**
 * What happens in a domain, written down where it happens, in the transaction that makes it so, and told once that has
 * committed. Costs no row: only the last number rides in the state row.
 */
export class Chronicle {
  private readonly core: Core;
  /** The last number given, those of events without a transaction too. */
  private last = 0;
  readonly progress: ProgressTeller;
  /** Hears when the coordinator's flags have changed. */
  onFlags: (() => void) | undefined;

  constructor(core: Core) {
    this.core = core;
    this.progress = new ProgressTeller(core);
  }

  /** The same happened to each of these tasks. Part of a transaction. */
  record(event: EventName, subjects: readonly Subject[], facts?: Facts): void {
    if (subjects.length === 0) return;
    countEvent(this.core, event, subjects, facts, this.core.clock.now());
    const entry = this.entry(event, subjects.length, (seq, at) =>
      subjects.map((subject, index) => this.about(event, subject, seq + index, at, facts)),
    );
    this.core.touch().lastSeq = this.last;
    postWebhooks(this.core, entry);
    this.core.after(() => this.core.outside.happened(entry));
  }

  /** Something that is about no single task. Part of a transaction. */
  say(event: EventName, facts: Facts): void {
    const entry = this.entry(event, 1, (seq, at) => [{ seq, at, event, domain: this.core.name, ...facts }]);
    this.core.touch().lastSeq = this.last;
    postWebhooks(this.core, entry);
    this.core.after(() => this.core.outside.happened(entry));
  }

  /** What changes nothing in storage, such as progress. */
  note(event: EventName, subject: Subject, facts: Facts): void {
    this.core.outside.happened(this.entry(event, 1, (seq, at) => [this.about(event, subject, seq, at, facts)]));
  }

  private entry(event: EventName, count: number, make: (seq: number, at: string) => MillEvent[]): Entry {
    const at = this.core.clock.now();
    const seq = nextSeq(Math.max(this.last, this.core.state.lastSeq), at);
    this.last = seq + count - 1;
    return { seq, at, count, event, make: () => make(seq, new Date(at).toISOString()) };
  }

  private about(event: EventName, { id, type, label, tags, facts: own }: Subject, seq: number, at: string, facts?: Facts): MillEvent {
    return {
      seq,
      at,
      event,
      domain: this.core.name,
      task: taskId(this.core.name, id),
      ...(type === undefined ? {} : { type }),
      ...(label === null || label === undefined ? {} : { label }),
      ...(tags === null || tags === undefined
        ? {}
        : { tags: typeof tags === "string" ? (JSON.parse(tags) as Record<string, string>) : tags }),
      ...facts,
      ...own,
    };
  }
}
