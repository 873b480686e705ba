import type { Graph } from "../../api/answers.ts";
import { lazy } from "../../lazy.tsx";

/** The layout library is most of the page's code: only who looks at a graph loads it. */
const Canvas = lazy(async () => (await import("./canvas.tsx")).Canvas);

/** What a task depends on, and what depends on it, over all domains; not there for a task that stands alone. */
export function GraphPanel({ id, graph }: { id: string; graph: Graph }) {
  if (graph.edges.length === 0) return null;
  return (
    <section class="card" aria-labelledby="graph-title">
      <header class="row">
        <h2 id="graph-title">Graph</h2>
        <span class="dim">
          {graph.truncated ? "the nearest " : ""}
          {graph.nodes.length} tasks
          <span class="narrow-hidden"> · drag to move, Ctrl and wheel to zoom</span>
        </span>
      </header>
      <Canvas graph={graph} current={id} />
    </section>
  );
}
