import { MillraceError } from "../../policy/errors.ts";
import type { SubmitAnswer, SubmitRequest } from "../protocol.ts";
import type { Core } from "./core.ts";
import { submit, take } from "./submit.ts";

interface Caller {
  request: SubmitRequest;
  resolve: (answer: SubmitAnswer) => void;
  reject: (error: unknown) => void;
}

/** A batch of its own gains nothing by waiting. */
const JOIN_ITEMS_MAX = 10;

/**
 * Group commit: a lone submit goes at once; those that come while its commit is on the way to the disk go together in
 * the next one. A caller that waits for each answer never waits for others, since the answer leaves after the disk.
 * One that is refused does not fail the others.
 */
export class Joiner {
  private readonly core: Core;
  private readonly flushed: () => Promise<void>;
  private callers: Caller[] = [];
  private isFlushing = false;

  /** @param flushed resolves when everything written so far is on disk */
  constructor(core: Core, flushed: () => Promise<void>) {
    this.core = core;
    this.flushed = flushed;
  }

  async submit(request: SubmitRequest): Promise<SubmitAnswer> {
    if (request.items.length > JOIN_ITEMS_MAX) return submit(this.core, request);
    if (this.isFlushing) return new Promise((resolve, reject) => this.callers.push({ request, resolve, reject }));
    const answer = submit(this.core, request);
    void this.drain();
    return answer;
  }

  private async drain(): Promise<void> {
    this.isFlushing = true;
    try {
      do {
        // Rejects only when the object breaks; then every caller's own call breaks, too.
        await this.flushed();
        this.takeAll();
      } while (this.callers.length > 0);
    } finally {
      this.isFlushing = false;
    }
  }

  private takeAll(): void {
    const { callers } = this;
    this.callers = [];
    if (callers.length === 0) return;
    try {
      const answers = this.core.transact("submit.joined", () => take(this.core, callers.map((caller) => caller.request)));
      for (const [index, answer] of answers.entries()) {
        const { resolve, reject } = callers[index]!;
        if (answer instanceof MillraceError) reject(answer);
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of callers) reject(error);
    }
  }
}
