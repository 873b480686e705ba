import { isPaused, type Pause } from "../../policy/coordination/flags.ts";

/** A pause as everybody sees it. */
export interface PauseView {
  paused: boolean;
  /** Since when, and until when at most; RFC 3339. */
  pausedAt: string | null;
  pausedUntil: string | null;
}

export function pauseView(pause: Pause | null | undefined, now: number): PauseView {
  if (!pause || !isPaused(pause, now)) return { paused: false, pausedAt: null, pausedUntil: null };
  return { paused: true, pausedAt: iso(pause.since), pausedUntil: pause.until === undefined ? null : iso(pause.until) };
}

const iso = (at: number): string => new Date(at).toISOString();
