import { fail, MillraceError } from "../../../policy/errors.ts";
import { point } from "../../point.ts";
import type { Delivery, DeliveryAnswer } from "../../mail.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { MESSAGES, type MessageKind, type MessageName } from "./messages.ts";

/**
 * Takes in what another domain tells: all in one transaction. If it fails, each message has one of its own, so that a bad one
 * keeps nobody else out; the sender hears which, and tries that one again later.
 */
export function deliver(core: Core, from: string, messages: readonly Delivery[]): DeliveryAnswer[] {
  point("deliver.call", core.name);
  const now = core.clock.now();
  const takeAll = (some: readonly Delivery[]): DeliveryAnswer[] => {
    const answers = some.map((message) => ({ answer: takeIn(core, from, message, now) }));
    dispatch(core);
    return answers;
  };
  try {
    return core.transact("deliver", () => takeAll(messages));
  } catch (error) {
    if (MillraceError.is(error, "storage_full")) throw error;
    return messages.map((message) => takeAlone(core, message, () => takeAll([message])));
  }
}

function takeAlone(core: Core, message: Delivery, take: () => DeliveryAnswer[]): DeliveryAnswer {
  try {
    return core.transact("deliver.one", take)[0]!;
  } catch (error) {
    if (MillraceError.is(error, "storage_full")) throw error;
    console.error(JSON.stringify({ message: "a message was not taken in", domain: core.name, kind: message.kind, error: String(error) }));
    return { error: String(error) };
  }
}

function takeIn(core: Core, from: string, { id, kind, body }: Delivery, now: number): unknown {
  const known = (MESSAGES as unknown as Record<string, MessageKind<MessageName> | undefined>)[kind];
  if (!known) throw fail("not_implemented", `This version of ${core.name} knows no message ${JSON.stringify(kind)}.`);
  return known.take(core, body as never, { from, id, now });
}
