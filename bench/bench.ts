import cliProgress from "cli-progress";
import type { Mill } from "../test/e2e/mill.ts";
import type { Burst, BurstAnswer } from "./protocol.ts";
import { median } from "./figures.ts";
import type { Sheet, Verdict } from "./report.ts";

/** What a scenario is given: the Worker to drive, how large to go, where to put what it found. */
export class Bench {
  readonly quick: boolean;
  readonly sheets: Sheet[] = [];
  readonly verdicts: Verdict[] = [];
  /** Rows per second of the floor, by batch. */
  readonly floors = new Map<number, number>();
  readonly #mill: Mill;
  #bar: cliProgress.SingleBar | undefined;
  #line = "";

  constructor(mill: Mill, quick: boolean) {
    this.#mill = mill;
    this.quick = quick;
  }

  /** How many tasks, fewer in a quick run. */
  size(tasks: number): number {
    return this.quick ? Math.max(1, Math.round(tasks / 10)) : tasks;
  }

  async call<Answer>(name: string, body: object = {}): Promise<Answer> {
    const response = await fetch(`${this.#mill.url}/bench/${name}`, { method: "POST", body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${name} ${JSON.stringify(body)}: ${response.status} ${text.slice(0, 2_000)}\n${this.#mill.output.slice(-2_000)}`);
    return JSON.parse(text) as Answer;
  }

  /** A warm-up, in which K is learned and the code compiled; then the same several times, of which the medians count. */
  async rounds(order: Burst & { domain: string }, times = 3): Promise<Round> {
    this.step(`${order.domain}: warm-up`);
    await this.call("burst", { ...order, tasks: Math.min(order.tasks, order.batch === 1 ? 200 : 5_000) });
    return this.again(order, times);
  }

  /** Several times, without a warm-up. */
  async again(order: Burst & { domain: string }, times: number, verb: "burst" | "drain" = "burst"): Promise<Round> {
    const answers: BurstAnswer[] = [];
    for (let round = 1; round <= times; round += 1) {
      this.step(`${order.domain}: ${order.tasks} tasks in submits of ${order.batch}, round ${round} of ${times}`);
      answers.push(await this.call<BurstAnswer>(verb, order));
    }
    const of = (read: (answer: BurstAnswer) => number) => median(answers.map(read));
    return {
      perSecond: of(({ ms, completed }) => (completed / ms) * 1_000),
      drainPerSecond: of(({ ms, submitMs, completed }) => (completed / (ms - submitMs)) * 1_000),
      fastestDrain: Math.max(...answers.map(({ ms, submitMs, completed }) => (completed / (ms - submitMs)) * 1_000)),
      fastest: Math.max(...answers.map(({ ms, completed }) => (completed / ms) * 1_000)),
      slowest: Math.min(...answers.map(({ ms, completed }) => (completed / ms) * 1_000)),
      perRun: of(({ runs, completed }) => completed / runs),
      written: of(({ rowsWritten, completed }) => rowsWritten / completed),
      read: of(({ rowsRead, completed }) => rowsRead / completed),
      calls: of(({ coordinatorCalls, completed }) => coordinatorCalls / completed),
    };
  }

  /** Tasks that a scenario has in its table before it begins, in submits of 10,000. */
  async fill(domain: string, type: string, tasks: number, options: object = {}): Promise<void> {
    const portion = 50_000;
    for (let done = 0; done < tasks; done += portion) {
      this.progress(`${domain}: filling`, done, tasks);
      await this.call("fill", { domain, type, tasks: Math.min(portion, tasks - done), batch: 10_000, callers: 1, options });
    }
    this.progress(`${domain}: filled`, tasks, tasks);
  }

  sheet(title: string, ...head: string[]): Sheet {
    const sheet: Sheet = { title, head, rows: [] };
    this.sheets.push(sheet);
    return sheet;
  }

  judge(what: string, target: string, measured: string, met: boolean): void {
    this.verdicts.push({ what, target, measured, met });
  }

  /** A line where there is no terminal, else the bar's text. */
  step(text: string): void {
    this.progress(text, 0, 1);
  }

  progress(text: string, done: number, of: number): void {
    if (!process.stdout.isTTY) {
      const line = of > 1 ? `  ${text} ${done} of ${of}` : `  ${text}`;
      if (line !== this.#line) console.log(line);
      this.#line = line;
      return;
    }
    if (!this.#bar) {
      this.#bar = new cliProgress.SingleBar(
        { format: "  {bar} {value}/{total}  {text}", barsize: 24, hideCursor: true, clearOnComplete: true },
        cliProgress.Presets.shades_classic,
      );
      this.#bar.start(of, done, { text });
    }
    this.#bar.setTotal(of);
    this.#bar.update(done, { text });
  }

  done(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/** What several rounds gave: medians, where nothing else is said. */
export interface Round {
  perSecond: number;
  /** From the last submit on. */
  drainPerSecond: number;
  slowest: number;
  fastest: number;
  fastestDrain: number;
  perRun: number;
  written: number;
  read: number;
  calls: number;
}
