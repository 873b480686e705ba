import { idsOf, toRanges } from "../../../policy/ranges.ts";
import type { Core } from "../core.ts";

/** Tasks that nobody keeps but others who need them: retention looks after them. */
export function linger(core: Core, ids: readonly number[]): void {
  if (ids.length > 0) core.touch().lingering = toRanges([...idsOf(core.state.lingering), ...ids].sort((one, other) => one - other));
}
