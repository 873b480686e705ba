import type { AbortReason, ProgressReport, RunTask } from "../../durable/protocol.ts";
import { addIo, type Io, type IoByAxis } from "../../policy/io.ts";
import { LIMITS } from "../../policy/limits.ts";
import { cutUtf8 } from "../../policy/text.ts";
import { abortError } from "./outcome.ts";

// A later reason replaces an earlier one only when it says more about what is to become of the task.
const WEIGHT: Record<AbortReason, number> = { pause: 1, preempt: 1, timeout: 2, deadline: 3, cancel: 4, supersede: 4, child: 4, lease: 5 };

/** One start of one task, as the run sees it: its signal, its time limit, its progress. The user sees its context. */
export class Execution {
  readonly task: RunTask;
  readonly startedAt: number;
  /** Epoch ms at which it is aborted by its timeout. */
  timeoutAt: number;
  readonly timeoutMs: number;
  /** Whether this is the `onCancel` of a task, which only its own time limit and the lease stop. */
  readonly hook: boolean;
  aborted: AbortReason | undefined;
  /** Whether `execute` was called, and with what: `onCancel` gets the same. */
  begun = false;
  payload: unknown;
  /** The latest report that was not sent yet. */
  report: ProgressReport | undefined;
  /** Bytes that it says it has moved. */
  io: IoByAxis | undefined;
  /** It has asked for children, and how many of each that are alike. */
  hasSpawned = false;
  readonly counts = new Map<string, number>();
  /** Called at the first abort. */
  onAbort: (() => void) | undefined;
  #ended = false;
  #last: ProgressReport | undefined;
  #controller: AbortController | undefined;

  constructor(task: RunTask, startedAt: number, timeoutMs: number, hook = false) {
    this.task = task;
    this.startedAt = startedAt;
    this.timeoutMs = timeoutMs;
    this.timeoutAt = startedAt + timeoutMs;
    this.hook = hook;
  }

  /** Made when first asked for: most executors never look at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    const { signal } = this.#controller;
    if (this.aborted !== undefined && !signal.aborted) this.#controller.abort(abortError(this.aborted, this.timeoutMs));
    return signal;
  }

  begin(payload: unknown): void {
    this.begun = true;
    this.payload = payload;
  }

  /** What it asks for from here on comes too late. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** No abort and no report counts from here on. */
  end(): void {
    this.#ended = true;
    this.timeoutAt = Infinity;
    this.report = undefined;
  }

  abort(reason: AbortReason): void {
    if (this.#ended || (this.hook && reason !== "timeout" && reason !== "lease")) return;
    if (reason === "timeout") this.timeoutAt = Infinity;
    const before = this.aborted;
    if (before !== undefined && WEIGHT[before] >= WEIGHT[reason]) return;
    this.aborted = reason;
    if (before !== undefined) return;
    this.#controller?.abort(abortError(reason, this.timeoutMs));
    this.onAbort?.();
  }

  /** Joins a report with what is known; answers whether there is something new to send. */
  note(fraction: number, message: string | null, bytes?: { done: number; total: number }): boolean {
    if (this.#ended || !Number.isFinite(fraction)) return false;
    const report: ProgressReport = {
      id: this.task.id,
      fraction: Math.min(1, Math.max(0, fraction)),
      message: message === null ? null : cutUtf8(message, LIMITS.progressMessageBytesMax),
    };
    if (bytes) report.bytes = bytes;
    else if (this.#last?.bytes) report.bytes = this.#last.bytes;
    this.#last = report;
    this.report = report;
    return true;
  }

  /** Adds what it says it has moved. */
  record(io: Io): void {
    if (!this.#ended) this.io = addIo(this.io, io);
  }

  /** The message of the last report: bytes keep it. */
  get message(): string | null {
    return this.#last?.message ?? null;
  }
}
