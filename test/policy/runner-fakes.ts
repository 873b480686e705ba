import type { Clock } from "../../src/clock.ts";
import type { DomainDefinition, Registry, TypeDefinition } from "../../src/domains/definition.ts";
import type {
  AbortReason,
  DomainApi,
  ProgressReport,
  RunAnswer,
  RunControl,
  RunLink,
  RunOutcome,
  RunResume,
  RunTask,
  SpawnRequest,
} from "../../src/durable/protocol.ts";
import { Run } from "../../src/worker/run/run.ts";
import type { Surroundings } from "../../src/worker/run/scope.ts";

/** Lets everything that waits for no time go on: a macrotask after the microtasks. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  time = 1_000_000;
  readonly #timers = new Map<number, { at: number; action: () => void }>();
  #last = 0;

  now(): number {
    return this.time;
  }
  random(): number {
    return 0.5;
  }
  token(bytes: number): string {
    return "00".repeat(bytes);
  }
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }
  after(ms: number, action: () => void): () => void {
    this.#last += 1;
    const id = this.#last;
    this.#timers.set(id, { at: this.time + ms, action });
    return () => void this.#timers.delete(id);
  }
  get timers(): number {
    return this.#timers.size;
  }
  /** Timers ever set. */
  get set(): number {
    return this.#last;
  }

  /** Moves time on, timer by timer, letting what each one starts go on before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= until).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].action();
      await settled();
    }
    this.time = until;
    await settled();
  }
}

type Resumed = Parameters<RunResume["resumeRun"]>[0];

/** The object's side of a run: notes what it is told, answers what the test says. */
class FakeObject {
  control: RunControl | undefined;
  attached = 0;
  readonly settles: RunOutcome[][] = [];
  readonly progress: ProgressReport[][] = [];
  readonly spawns: SpawnRequest[] = [];
  /** What it answers a task that has returned. */
  hasChildren = false;
  readonly resumes: Resumed[] = [];
  asked: { abort: [number, AbortReason][]; recall: boolean } = { abort: [], recall: false };
  /** What every call on the link throws. */
  broken: unknown;
  /** What every resume throws. */
  unreachable: unknown;
  /** What every settle waits for. */
  slow: Promise<void> | undefined;
  disposed = 0;

  link(): RunLink {
    const check = () => {
      if (this.broken !== undefined) throw this.broken;
    };
    const link: RunLink = {
      attach: async (control) => {
        check();
        this.attached += 1;
        this.control = control;
        return this.asked;
      },
      settle: async (outcomes) => {
        check();
        await this.slow;
        this.settles.push(outcomes);
      },
      spawn: async (request) => {
        check();
        this.spawns.push(request);
        return { outcomes: request.items.map((_item, index) => ({ outcome: "inserted", id: `media_${90 + index}` })) };
      },
      returned: async () => {
        check();
        return this.hasChildren;
      },
      progress: async (reports) => {
        check();
        this.progress.push(reports);
      },
    };
    return Object.assign(link, { [Symbol.dispose]: () => void (this.disposed += 1) });
  }

  resume(): RunResume & Pick<DomainApi, "submit"> {
    return {
      submit: async () => ({ outcomes: [] }),
      resumeRun: async (request) => {
        this.resumes.push(request);
        if (this.unreachable !== undefined) throw this.unreachable;
        if (request.finished) return null;
        this.control = request.control;
        this.broken = undefined;
        return this.link();
      },
      ask: async () => null,
    };
  }

  /** Every outcome it was told, in whatever way but the answer. */
  get told(): RunOutcome[] {
    return [...this.settles.flat(), ...this.resumes.flatMap((resumed) => resumed.outcomes)];
  }
}

const any = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;

/** A type with an `execute` and whatever else the test needs. */
export function type(execute: (payload: any, ctx: any) => unknown, more: Partial<TypeDefinition> = {}): Omit<TypeDefinition, "name"> {
  return {
    payload: any,
    result: undefined,
    key: undefined,
    label: undefined,
    tags: undefined,
    defaults: {},
    submittable: true,
    redact: [],
    keep: true,
    pull: false,
    onCancel: undefined,
    execute,
    ...more,
  };
}

export function registry(
  types: Record<string, Omit<TypeDefinition, "name">>,
  more: Partial<DomainDefinition> = {},
  app?: (env: never) => unknown,
): Registry {
  const definition: DomainDefinition = {
    name: "media",
    state: undefined,
    maxConcurrency: undefined,
    defaults: {},
    history: {},
    schedules: [],
    ...more,
    types: new Map(Object.entries(types).map(([name, one]) => [name, { name, ...one }])),
  };
  return {
    domains: new Map([["media", definition]]),
    app,
    maxConcurrency: 16,
    groups: new Map(),
    defaultGroupMaxConcurrency: null,
    defaults: {},
  };
}

export function task(id: number, kind: string, payload: unknown = {}, more: Partial<RunTask> = {}): RunTask {
  return {
    id,
    type: kind,
    payload: JSON.stringify(payload),
    attempt: 1,
    executions: 1,
    priority: 128,
    createdAt: 999_000,
    timeoutMs: 300_000,
    maxAttempts: 4,
    ...more,
  };
}

export interface Begun {
  clock: FakeClock;
  object: FakeObject;
  answer: Promise<RunAnswer>;
  lines: { level: string; line: Record<string, unknown> }[];
  turns: () => number;
  ended: () => boolean;
}

/** Begins a run in a world of its own. */
export function begin(
  types: Registry | Record<string, Omit<TypeDefinition, "name">>,
  tasks: RunTask[],
  more: Partial<Surroundings> = {},
): Begun {
  const clock = new FakeClock();
  const object = new FakeObject();
  const lines: Begun["lines"] = [];
  let turns = 0;
  let ended = false;
  const around: Surroundings = {
    registry:
      "domains" in types && types.domains instanceof Map
        ? (types as Registry)
        : registry(types as Record<string, Omit<TypeDefinition, "name">>),
    env: { NAME: "env" },
    clock,
    turn: async () => {
      turns += 1;
      await settled();
    },
    expose: (control) => control,
    reach: () => object.resume(),
    domain: () => {
      throw new Error("no handle in this test");
    },
    write: (level, line) => void lines.push({ level, line }),
    ...more,
  };
  const answer = new Run({ run: "r1", domain: "media", tasks }, object.link(), around).go().finally(() => (ended = true));
  return { clock, object, answer, lines, turns: () => turns, ended: () => ended };
}
