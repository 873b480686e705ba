import type { Shown } from "../api/answers.ts";
import { words } from "../format.ts";

/** A task's status: a coloured dot and the word, so that no colour has to be told from another. */
export function Status({ of }: { of: Shown | "purged" }) {
  return <span class={`status is-${of}`}>{words(of)}</span>;
}
