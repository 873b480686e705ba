import type { RunControl } from "../../src/durable/protocol.ts";

/** The state of each object's current life, so that a test can end it from within, at any point. */
const states = new Map<string, DurableObjectState>();

/** What a life found in storage when it began, before it changed anything. */
export interface Birth {
  name: string;
  /** When the alarm stood. */
  alarm: Promise<number | null>;
  /** Work that only an alarm would wake the object for. */
  live: number;
}
export const births: Birth[] = [];

/** Called first thing in the constructor of an object under test. */
export function born(ctx: DurableObjectState): DurableObjectState {
  const name = ctx.id.name ?? "";
  states.set(name, ctx);
  births.push({ name, alarm: ctx.storage.getAlarm(), live: liveTasks(ctx.storage.sql) });
  return ctx;
}

function liveTasks(sql: SqlStorage): number {
  const hasTasks = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'tasks'").toArray().length > 0;
  return hasTasks ? Number(sql.exec("SELECT count(*) AS live FROM tasks WHERE status IN (0, 1)").one()["live"]) : 0;
}

/** How the runner under test behaves. */
export const runner = { outlive: false };

/** Stubs of runners that objects hold: counted up by `dup`, down by `dispose`. */
export const stubs = { held: 0, taken: 0 };
export type Stub = RunControl & Disposable & { dup(): Stub };

/** Ends the current life of an object, at once: nothing of it goes on, what was not durable is lost. Only from within it. */
export function kill(name: string): never {
  const state = states.get(name);
  if (!state) throw new Error(`no object ${name}`);
  state.abort(`killed ${name}`);
  throw new Error("abort returned");
}

/** Ends it once everything written so far is durable. */
export function killSoon(name: string): void {
  const state = states.get(name);
  if (!state) throw new Error(`no object ${name}`);
  void state.storage.sync().then(() => state.abort(`killed ${name} after its commit`));
}
