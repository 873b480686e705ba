import type { RunAnswer, RunLink, RunRequest } from "../../src/durable/protocol.ts";

/** The state of each object's current life, so that a test can end it from within, at any point. */
const states = new Map<string, DurableObjectState>();

/** Objects whose `alarm()` a test is running: the platform has taken their alarm away and would run it again after a crash. */
export const ringing = new Set<string>();

/** What a life found in storage when it began, before it changed anything. */
export interface Birth {
  name: string;
  isRinging: boolean;
  /** When the alarm stood. */
  alarm: Promise<number | null>;
  /** Tasks that only an alarm would wake the object for, and when the first of the delayed is due. */
  pending: number;
  due: number | null;
  /** Messages that are not delivered yet. */
  posted: number;
}
export const births: Birth[] = [];

/** Called first thing in the constructor of an object under test. */
export function born(ctx: DurableObjectState): DurableObjectState {
  const name = ctx.id.name ?? "";
  states.set(name, ctx);
  births.push({ name, isRinging: ringing.has(name), alarm: ctx.storage.getAlarm(), ...liveTasks(ctx.storage.sql) });
  return ctx;
}

function liveTasks(sql: SqlStorage): Pick<Birth, "pending" | "due" | "posted"> {
  if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").toArray().length === 0) return { pending: 0, due: null, posted: 0 };
  const query = `SELECT sum(status = 0 AND type NOT IN ('pulled', 'parsed', 'fleeting')) AS pending,
    (SELECT min(run_at) FROM tasks WHERE status = 1) AS due, (SELECT count(*) FROM outbox) AS posted FROM tasks WHERE status IN (0, 1)`;
  const { pending, due, posted } = sql.exec<{ pending: number | null; due: number | null; posted: number }>(query).one();
  return { pending: pending ?? 0, due, posted };
}

/** How the platform around the objects behaves. */
export const platform = {
  /** Runs outlive their object. */
  outlive: false,
  /** The next so many runs break on their way: the runner's isolate ends. */
  breaks: 0,
  /** The tasks of every run that reached a runner. */
  runs: [] as number[][],
  /** Rings in the place of `alarm()`, when the platform does. */
  rings: undefined as ((storage: DurableObjectStorage, info: AlarmInvocationInfo) => void) | undefined,
  /** Takes the next runs in the runner's place, in its own context; cleared by the test. */
  takes: undefined as ((request: RunRequest, link: RunLink) => Promise<RunAnswer>) | undefined,
  /** The next so many deliveries between domains are lost on their way there, and the next so many answers on their way back. */
  lostMessages: 0,
  lostAnswers: 0,
  /** Called before an answer to another domain's question goes out. */
  answers: undefined as ((question: string) => Promise<void>) | undefined,
  /** The domain that answers no question of another, and the one that takes in no message. */
  mute: "",
  deaf: "",
  /** The domain for which the coordinator is out of reach. */
  cutOff: "",
};

const stateOf = (name: string): DurableObjectState => {
  const state = states.get(name);
  if (!state) throw new Error(`no object ${name} lives`);
  return state;
};

/** Ends the current life of an object at this very point: nothing of it goes on, what is not durable is lost. From within it alone. */
export function kill(name: string): void {
  stateOf(name).abort(`killed ${name}`);
}

/** Ends it once everything written so far is durable. From within it alone. */
export function killSoon(name: string): void {
  const state = stateOf(name);
  void state.storage.sync().then(() => state.abort(`killed ${name} after a commit`));
}
