import type { Clock } from "../clock.ts";

/** All that the command line touches outside of itself; a test has one of its own. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** Aborts at Ctrl-C. */
  interrupted: AbortSignal;
  fetch: (request: Request) => Promise<Response>;
  /** Answers and tables: what a script reads. */
  out(text: string): void;
  /** Errors and progress. */
  err(text: string): void;
  /** Where live bars are drawn, and how wide it is; undefined where nobody looks. */
  screen: { stream: NodeJS.WritableStream; columns: number } | undefined;
  /** All of standard input. */
  readInput(): Promise<string>;
  readFile(path: string): Promise<string>;
}

/** What `npx millrace` ends with. */
export const EXIT = {
  /** Done; `result` and `watch`: the task completed. */
  ok: 0,
  /** The mill refused it, or the task ended in another way than by completing. */
  refused: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No mill answers there, or it is overloaded: later it may work. */
  unreachable: 3,
  /** No token, a wrong one, or one whose role or domains are not enough. */
  forbidden: 4,
  /** Still active at the end of the wait. */
  active: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** A command line that cannot be right, found after it was parsed. */
export class UsageError extends Error {}
