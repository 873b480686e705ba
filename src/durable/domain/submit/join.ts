import { MillraceError } from "../../../policy/errors.ts";
import type { SubmitAnswer, SubmitRequest } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { isAway, submitAway } from "../graph/spawn.ts";
import { submit, take } from "./submit.ts";

interface Caller {
  request: SubmitRequest;
  resolve: (answer: SubmitAnswer) => void;
  reject: (error: unknown) => void;
}

/** How long a submit may wait for others to share its transaction: a commit costs as much for one task as for a hundred. */
const JOIN_MS = 1;
/** Submits that come so close are a burst: one alone takes 1 to 3 ms, and the next is looked at only after it. */
const BURST_MS = 5;
/** A batch of its own gains nothing by waiting. */
const JOIN_ITEMS_MAX = 10;

/**
 * Joins small submits that arrive together into one transaction. One after a silence goes at once; only those that
 * come right after another wait, for at most a millisecond. One that is refused does not fail the others.
 */
export class Joiner {
  private readonly core: Core;
  private callers: Caller[] = [];
  private lastAt = -Infinity;

  constructor(core: Core) {
    this.core = core;
  }

  async submit(request: SubmitRequest): Promise<SubmitAnswer> {
    if (isAway(this.core, request)) return submitAway(this.core, request);
    const now = this.core.clock.now();
    const isAlone = now - this.lastAt > BURST_MS && this.callers.length === 0;
    this.lastAt = now;
    if (isAlone || request.items.length > JOIN_ITEMS_MAX) return submit(this.core, request);
    return new Promise((resolve, reject) => {
      if (this.callers.push({ request, resolve, reject }) === 1) this.core.clock.after(JOIN_MS, () => this.flush());
    });
  }

  private flush(): void {
    const { callers } = this;
    this.callers = [];
    this.lastAt = this.core.clock.now();
    try {
      const answers = this.core.transact("submit.joined", () =>
        take(
          this.core,
          callers.map((caller) => caller.request),
        ),
      );
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
