import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { messageOf, Problem } from "./api/problem.ts";
import { refused } from "./api/ask.ts";

/** What a view shows of something that changes. */
export interface Live<Value> {
  /** The last answer, also while a newer one is on its way. */
  value: Value | undefined;
  /** Why the last question had no answer. */
  error: Error | undefined;
  /** Asks again now: after an action. */
  refresh: () => Promise<void>;
}

/** How the page is kept fresh: told by the mill, asking in turns, stopped by hand or because nobody looks, or out of reach. */
export type Liveliness = "live" | "polling" | "paused" | "hidden" | "unreachable";

const hidden = signal(document.visibilityState === "hidden");
document.addEventListener("visibilitychange", () => {
  hidden.value = document.visibilityState === "hidden";
});
/** The user's own pause. */
export const paused = signal(false);
/** Whether the mill pushes events just now; then asking in turns is only a safety net. */
export const pushed = signal(false);
/** The last question had no answer at all. */
export const lost = signal(false);

export const liveliness: ReadonlySignal<Liveliness> = computed(() =>
  paused.value ? "paused" : hidden.value ? "hidden" : lost.value ? "unreachable" : pushed.value ? "live" : "polling",
);
/** Nobody looks, or wants to see what changes. */
export const quiet: ReadonlySignal<boolean> = computed(() => paused.value || hidden.value);
const stopped = computed(() => quiet.value || refused.value !== null);

/** No question is asked more often than that because of events. */
const TOUCHED_MS = 800;
/** How seldom is asked anyway while events come. */
const PUSHED_MS = 20_000;
/** The slowest rhythm while the mill is out of reach. */
const LOST_MS = 15_000;
/** Who has not answered by then will not: a connection can be dead without telling. */
const ANSWER_MS = 30_000;

/** What an event is about; a question that depends on it is asked again. Empty: anything may have changed. */
interface Touch {
  domain?: string | undefined;
  task?: string | undefined;
}

/** One question that is on the page. */
class Question<Value> {
  readonly value = signal<Value | undefined>(undefined);
  readonly error = signal<Error | undefined>(undefined);
  readonly concerns: (touch: Touch) => boolean;
  readonly #ask: (signal: AbortSignal) => Promise<Value>;
  readonly #everyMs: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #failures = 0;
  #askedAt = 0;
  /** Touched while it is under way: what comes back may be older than that. */
  #stale = false;

  constructor(ask: (signal: AbortSignal) => Promise<Value>, everyMs: () => number, concerns: (touch: Touch) => boolean) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    this.concerns = concerns;
  }

  start(): () => void {
    open.add(this as Question<unknown>);
    const dispose = effect(() => {
      const stop = stopped.value && this.value.peek() !== undefined;
      clearTimeout(this.#timer);
      if (!stop) void this.refresh();
    });
    return () => {
      dispose();
      open.delete(this as Question<unknown>);
      clearTimeout(this.#timer);
      this.#abort?.abort();
    };
  }

  /** At most one question at a time is under way; a newer one replaces it. */
  readonly refresh = async (): Promise<void> => {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#askedAt = performance.now();
    this.#stale = false;
    clearTimeout(this.#timer);
    try {
      const value = await this.#ask(AbortSignal.any([abort.signal, AbortSignal.timeout(ANSWER_MS)]));
      if (abort.signal.aborted) return;
      this.value.value = value;
      this.error.value = undefined;
      this.#failures = 0;
      found();
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error.value = error instanceof Error ? error : new Error(messageOf(error));
      this.#failures += 1;
      if (!(error instanceof Problem)) lost.value = true;
    }
    this.#abort = undefined;
    if (this.#stale) this.touch();
    else this.#again();
  };

  /** An event concerns it: at once, but no more often than about once a second, and never instead of an answer under way. */
  touch(): void {
    if (stopped.peek()) return;
    this.#stale = this.#abort !== undefined;
    if (this.#stale) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), Math.max(0, TOUCHED_MS - (performance.now() - this.#askedAt)));
  }

  /** The mill answers again: what had no answer need not wait for its turn. */
  found(): void {
    if (this.#failures > 0 && this.#abort === undefined) void this.refresh();
  }

  /** Nobody tells any more: it is asked for in turns again, not only as a safety net. */
  untold(): void {
    if (this.#abort === undefined) this.#again();
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (stopped.peek()) return;
    const asked = this.#everyMs();
    const rhythm = pushed.peek() ? Math.max(asked, PUSHED_MS) : asked;
    const wait = this.#failures === 0 ? rhythm : Math.min(Math.max(rhythm, LOST_MS), rhythm * 2 ** this.#failures);
    this.#timer = setTimeout(() => void this.refresh(), wait);
  }
}

const open = new Set<Question<unknown>>();
effect(() => {
  if (!pushed.value) for (const question of open) question.untold();
});

function found(): void {
  if (!lost.peek()) return;
  lost.value = false;
  for (const question of open) question.found();
}

/** Asks anew what these events may have changed. */
export function touched(touches: readonly Touch[]): void {
  for (const question of open) if (touches.some((touch) => question.concerns(touch))) question.touch();
}

/** Asks everything on the page anew. */
export function refreshAll(): void {
  for (const question of open) void question.refresh();
}

interface Options {
  /** The rhythm of asking while no events come; default 2 s. */
  everyMs?: number;
  /** Which events concern it; by default all. */
  concerns?: (touch: Touch) => boolean;
}

/**
 * Something of the mill, kept fresh while the component is on the page.
 *
 * @param key a new one is a new question: nothing of the old answer is shown
 * @example const domains = useLive("domains", (signal) => ask<DomainPage>("v1/domains", { signal }))
 */
export function useLive<Value>(
  key: string,
  ask: (signal: AbortSignal) => Promise<Value>,
  { everyMs = 2_000, concerns = () => true }: Options = {},
): Live<Value> {
  const latest = useRef({ ask, concerns, everyMs });
  latest.current = { ask, concerns, everyMs };
  // A new key is a new question; what it asks is always the newest closure's.
  const question = useMemo(
    () =>
      new Question<Value>(
        (abort) => latest.current.ask(abort),
        () => latest.current.everyMs,
        (touch) => latest.current.concerns(touch),
      ),
    [key],
  );
  useEffect(() => question.start(), [question]);
  return { value: question.value.value, error: question.error.value, refresh: question.refresh };
}

/** Whether all of them have been answered, in whatever way: what is shown then does not push aside what stands there already. */
export const areAnswered = (...lives: readonly Live<unknown>[]): boolean =>
  lives.every(({ value, error }) => value !== undefined || error !== undefined);
