import { fail } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import type { Delivery, DeliveryAnswer, Neighbour } from "../../mail.ts";
import { point } from "../../point.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { MESSAGES, type MessageKind, type MessageName } from "./messages.ts";
import { dropMessages, nextDue, nextMessages, postponeAll, type Message } from "./outbox.ts";

/** Targets that are spoken to at once. */
const AT_ONCE = 16;

type AnyKind = MessageKind<MessageName>;
/** Undefined for a row that a later version of the code has left behind: it goes as it is. */
const kindOf = (name: string): AnyKind | undefined => (MESSAGES as unknown as Record<string, AnyKind | undefined>)[name];

/** One message on its way. */
interface Parcel {
  message: Message;
  body: never;
  sent: never;
}

/**
 * Carries the outbox to its targets: one call at a time for each, with as many messages as fit, until nothing is due. What
 * does not get through is tried again from the alarm.
 */
export class Courier {
  private readonly core: Core;
  private readonly reach: (domain: string) => Pick<Neighbour, "deliver">;
  private readonly busy = new Set<string>();

  constructor(core: Core, reach: (domain: string) => Pick<Neighbour, "deliver">) {
    this.core = core;
    this.reach = reach;
    core.outbox.carry = () => this.kick();
  }

  /** Goes out for everything that is due. */
  kick(): void {
    const now = this.core.clock.now();
    for (const [target, { at }] of this.core.outbox.queues) {
      if (this.busy.size >= AT_ONCE) return;
      if (at <= now && !this.busy.has(target)) void this.serve(target);
    }
  }

  private async serve(target: string): Promise<void> {
    this.busy.add(target);
    let parcels: Parcel[] = [];
    try {
      for (parcels = this.pack(target); parcels.length > 0; parcels = this.pack(target)) {
        const answers = await this.send(target, parcels);
        this.delivered(target, parcels, answers);
      }
      nextDue(this.core, target);
    } catch (error) {
      this.failed(target, parcels, error);
    } finally {
      this.busy.delete(target);
    }
    // A place is free for one that had to wait for it.
    this.kick();
  }

  /** As many as fit into one call, the first in any case. */
  private pack(target: string): Parcel[] {
    const parcels: Parcel[] = [];
    let bytes = 0;
    for (const message of nextMessages(this.core, target)) {
      const body = JSON.parse(message.body) as never;
      const sent = this.load(target, message, body);
      bytes += utf8Bytes(sent === body ? message.body : JSON.stringify(sent));
      if (parcels.length > 0 && bytes > LIMITS.outboxBytesMax) break;
      parcels.push({ message, body, sent });
    }
    return parcels;
  }

  /** A message that cannot be completed goes as it is: the target refuses it, and it keeps nobody up. */
  private load(target: string, message: Message, body: never): never {
    try {
      return (kindOf(message.kind)?.load?.(this.core, body) ?? body) as never;
    } catch (error) {
      complain("a message could not be completed", { ...this.facts(target, message), error: String(error) });
      return body;
    }
  }

  /** One call, on a fresh stub. One that hangs is given up; what it does after all, the target can tell from a repetition. */
  private async send(target: string, parcels: readonly Parcel[]): Promise<DeliveryAnswer[]> {
    const { core } = this;
    const messages = parcels.map(({ message: { id, kind }, sent }): Delivery => ({ id, kind, body: sent }));
    let stop = (): void => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      stop = core.clock.after(LIMITS.outboxCallMs, () =>
        reject(fail("domain_unreachable", `The domain ${target} did not answer for ${LIMITS.outboxCallMs} ms.`)),
      );
    });
    try {
      point("outbox.call", core.name);
      const answers = await Promise.race([this.reach(target).deliver(core.name, messages), late]);
      point("outbox.answered", core.name);
      return answers;
    } finally {
      stop();
    }
  }

  private delivered(target: string, parcels: readonly Parcel[], answers: readonly DeliveryAnswer[]): void {
    const { core } = this;
    core.transact("outbox.delivered", () => {
      const taken: number[] = [];
      const failed: Message[] = [];
      for (const [index, { message, body }] of parcels.entries()) {
        const answer = answers[index] ?? { error: "no answer" };
        if ("error" in answer) {
          failed.push(message);
          complain("a message was not taken in; trying again later", { ...this.facts(target, message), error: answer.error });
          continue;
        }
        kindOf(message.kind)?.answered?.(core, { target, id: message.id, body, answer: answer.answer as never });
        taken.push(message.id);
      }
      dropMessages(core, target, taken, failed);
      dispatch(core);
    });
  }

  private failed(target: string, parcels: readonly Parcel[], error: unknown): void {
    const { core } = this;
    const first = parcels[0]?.message;
    complain("messages could not be delivered; trying again", { ...this.facts(target, first), error: String(error) });
    try {
      core.transact("outbox.failed", () => {
        if (first && core.outbox.queues.has(target)) postponeAll(core, target, first);
      });
    } catch (worse) {
      // Storage itself fails: the alarm that stands for the outbox rings in any case.
      const queue = core.outbox.queues.get(target);
      if (queue) queue.at = core.clock.now() + LIMITS.outboxWatchMs;
      complain("the outbox could not note a failure", { ...this.facts(target, first), error: String(worse) });
    }
  }

  private facts(target: string, message: Message | undefined): Record<string, unknown> {
    return { domain: this.core.name, target, kind: message?.kind, id: message?.id, attempts: message?.attempts };
  }
}

const complain = (message: string, facts: Record<string, unknown>): void => console.warn(JSON.stringify({ message, ...facts }));
