import { fitting } from "../../../policy/dependencies.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { RunDependency } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { nameOf, upstreamStatus } from "../graph/remotes.ts";
import { readResults, readResultSizes } from "../rows.ts";

/** What a task depends on, in its order, with as many results as fit into 4 MiB; the others are read on demand. */
export function handOver(core: Core, counters: readonly number[]): RunDependency[] {
  const known = new Map(readResultSizes(core.store, counters).map((row) => [row.id, row]));
  const sizes = counters.map((counter) => known.get(counter)?.bytes ?? 0);
  const fits = fitting(sizes, LIMITS.dependencyBytesMax);
  const results = new Map(
    readResults(
      core.store,
      counters.filter((_, index) => fits[index] && sizes[index]! > 0),
    ),
  );
  return counters.map((counter, index) => {
    const row = known.get(counter);
    const dependency: RunDependency = { id: nameOf(core, counter), status: upstreamStatus(row?.status) };
    const result = results.get(counter);
    if (result !== undefined) dependency.result = result;
    else if (!fits[index]) dependency.truncated = true;
    return dependency;
  });
}
