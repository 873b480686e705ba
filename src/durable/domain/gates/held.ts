import type { Denial, HeldFigures } from "../../../policy/figures.ts";
import type { Core } from "../core.ts";

// Counted in the state's memory, and stored when something else has it stored: what holds tasks back costs no row.

const heldOf = (core: Core): HeldFigures => (core.state.figures.held ??= {});

/** So many tasks are newly set aside; asked about again and still not let go, they are not counted again. */
export function countDenied(core: Core, reason: Denial, count = 1): void {
  if (count === 0) return;
  const denials = (heldOf(core).denials ??= {});
  denials[reason] = (denials[reason] ?? 0) + count;
}

/** What waits of a type waits for its next token. */
export function countThrottled(core: Core, type: string): void {
  const throttles = (heldOf(core).throttles ??= {});
  throttles[type] = (throttles[type] ?? 0) + 1;
}
