import type { Core } from "../core.ts";
import type { Answered, Envelope } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { unblock } from "./release.ts";

/**
 * A backfill on its way through domains. Each message of it is *through* when it is taken in, and so is all that followed from
 * it; a domain answers for what followed there. When the last is, everything below the first task waits for it, and it goes.
 */
export interface Wave {
  /** The task that it began with, in the domain of that. */
  root?: number;
  /** Elsewhere: the message that brought it. */
  from?: { domain: string; id: number };
  /** Messages that went out from here and are not through. */
  open: number[];
}

/** Tasks of the sender's run again, in a wave of that name. */
export interface Fill {
  wave: string;
  counters: number[];
}

/** The target's message of that id is through. */
export interface Through {
  wave: string;
  id: number;
}

/** A name for a wave that begins here: that of a message of this domain which does not exist yet. */
export const waveName = (core: Core): string => `${core.name} ${core.state.lastMessage + 1}`;

/** It is the first of a wave that is not through. */
export const isHeld = (core: Core, id: number): boolean => Object.values(core.state.waves).some(({ root }) => root === id);

/** Messages of a wave went out. True when it is through here as far as `begun` goes: there were none, or it was here before. */
export function wentOut(core: Core, name: string, ids: readonly number[], begun: Omit<Wave, "open">): boolean {
  const { waves } = core.touch();
  const known = waves[name];
  if (known) known.open.push(...ids);
  else if (ids.length > 0) waves[name] = { ...begun, open: [...ids] };
  return known !== undefined || ids.length === 0;
}

/** A message came before, and what followed from it is not through. */
export function isUnderWay(core: Core, name: string, { from, id }: Envelope): boolean {
  const known = core.state.waves[name]?.from;
  return known?.domain === from && known.id === id;
}

/** The answer to a message of a wave: whether it is through with that. */
export function filled(core: Core, { id, body, answer }: Answered<"backfill">): void {
  if (answer) isThrough(core, body.wave, id);
}

export function takeThrough(core: Core, { wave, id }: Through): null {
  isThrough(core, wave, id);
  return null;
}

function isThrough(core: Core, name: string, id: number): void {
  const { waves } = core.touch();
  const wave = waves[name];
  if (!wave) return;
  wave.open = wave.open.filter((one) => one !== id);
  if (wave.open.length > 0) return;
  delete waves[name];
  if (wave.from) post(core, wave.from.domain, "through", { wave: name, id: wave.from.id });
  else if (wave.root !== undefined) unblock(core, wave.root);
}
