import type { MillSettings, MillSnapshot } from "../domains/mill-handle.ts";

/** The settings among what a snapshot shows. */
export const settingsOf = ({ maxConcurrency, defaultGroupMaxConcurrency, aging }: MillSnapshot): MillSettings => ({
  maxConcurrency,
  defaultGroupMaxConcurrency,
  aging,
});
