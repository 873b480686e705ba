import type { Graph } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { lazy } from "../../lazy.tsx";
import { useLive } from "../../live.ts";

/** The layout library is most of the page's code: only who looks at a graph loads it. */
const Canvas = lazy(async () => (await import("./canvas.tsx")).Canvas);

/** What a task depends on, and what depends on it, over all domains; not there for a task that stands alone. */
export function GraphPanel({ id }: { id: string }) {
  const { value } = useLive(`graph ${id}`, (signal) => ask<Graph>(`v1/tasks/${id}/graph`, { signal }), { everyMs: 2_000 });
  if (!value || value.edges.length === 0) return null;
  return (
    <section class="card" aria-labelledby="graph-title">
      <header class="row">
        <h2 id="graph-title">Graph</h2>
        <span class="dim">
          {value.truncated ? "the nearest " : ""}
          {value.nodes.length} tasks · drag to move, Ctrl and wheel to zoom
        </span>
      </header>
      <Canvas graph={value} current={id} />
    </section>
  );
}
