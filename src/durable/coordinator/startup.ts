import type { StartupAnswer, StartupReport, StartupRequest } from "../../policy/coordination/protocol.ts";

/** Whoever took a job on has this long before somebody else may. */
const CLAIM_MS = 60_000;
const BACKOFF_MS = 5_000;
const BACKOFF_MAX_MS = 300_000;
/** Versions whose startup jobs are remembered: a rollback to one of them does not run them again. */
const VERSIONS_MAX = 20;

/** What is stored: one row, written when jobs have been done. */
export interface StartupRecord {
  /** The version for which the domains were woken last, and those that were. */
  version: string;
  woken: string[];
  /** Which domains' startup jobs have run, by version, the latest last. */
  started: { version: string; domains: string[] }[];
}

interface Storage {
  startup(): StartupRecord | null;
  setStartup(record: StartupRecord): void;
}

/**
 * What a deploy asks for once: every domain woken, so that it brings what it declares up to date, and `onStart` run. Workers
 * ask, take jobs on, and report; who has taken what is memory alone, since every job may be done twice.
 */
export class Startups {
  readonly #store: Storage;
  /** Names this start of the coordinator, for Workers that do not know their version. */
  readonly #life: string;
  readonly #taken = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(store: Storage, life: string) {
    this.#store = store;
    this.#life = life;
  }

  /** The jobs that the caller is to do now. */
  claim({ version: given, wake, start }: StartupRequest, now: number): StartupAnswer {
    const version = given === "" ? this.#life : given;
    const record = this.#record();
    const started = new Set(record.started.find((one) => one.version === version)?.domains);
    const woken = new Set(record.version === version ? record.woken : []);
    let next = Infinity;
    const take = (kind: "wake" | "start", names: readonly string[]): string[] =>
      names.filter((name) => {
        const job = `${version} ${kind} ${name}`;
        const until = this.#taken.get(job) ?? 0;
        if (until > now) {
          next = Math.min(next, until);
          return false;
        }
        this.#taken.set(job, now + CLAIM_MS);
        return true;
      });
    const answer = {
      wake: take(
        "wake",
        wake.filter((name) => !woken.has(name)),
      ),
      start: take(
        "start",
        start.filter((name) => !started.has(name)),
      ),
    };
    return { version, ...answer, retryMs: next === Infinity ? null : next - now };
  }

  /** What became of them. Those that failed may be taken on again after a while, which grows. */
  report({ version, woken, started, failed }: StartupReport, now: number): void {
    for (const job of failed) {
      const key = `${version} ${job}`;
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.#taken.set(key, now + Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(failures, 10)));
    }
    for (const key of [...woken.map((name) => `wake ${name}`), ...started.map((name) => `start ${name}`)])
      this.#taken.delete(`${version} ${key}`);
    if (woken.length === 0 && started.length === 0) return;
    const record = this.#record();
    const before = record.version === version ? record.woken : [];
    const others = record.started.filter((one) => one.version !== version);
    const own = record.started.find((one) => one.version === version)?.domains ?? [];
    this.#store.setStartup({
      version,
      woken: [...new Set([...before, ...woken])],
      started: [...others, { version, domains: [...new Set([...own, ...started])] }].slice(-VERSIONS_MAX),
    });
  }

  #record(): StartupRecord {
    return this.#store.startup() ?? { version: "", woken: [], started: [] };
  }
}
