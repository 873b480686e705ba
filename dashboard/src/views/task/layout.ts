import { graphlib, layout } from "@dagrejs/dagre";
import type { Graph } from "../../api/answers.ts";

export const NODE = { width: 210, height: 46 } as const;

/** A graph with places: left before right. */
export interface Placed {
  width: number;
  height: number;
  nodes: { id: string; x: number; y: number }[];
  edges: { from: string; to: string; kind: "depends" | "child"; path: string }[];
}

/** Places the tasks of a graph; those of domains that one may not see stand there by their ids. */
export function place({ nodes, edges }: Graph): Placed {
  const graph = new graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const ids = new Set([...nodes.map(({ id }) => id), ...edges.flatMap(({ from, to }) => [from, to])]);
  for (const id of ids) graph.setNode(id, { ...NODE });
  for (const { from, to, kind } of edges) graph.setEdge(from, to, {}, kind);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: [...ids].map((id) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return { id, x: x - NODE.width / 2, y: y - NODE.height / 2 };
    }),
    edges: edges.map(({ from, to, kind }) => {
      const { points } = graph.edge(from, to, kind) as { points: Point[] };
      const [start, end] = [graph.node(from) as Point, graph.node(to) as Point];
      const ends = [
        { x: start.x + NODE.width / 2, y: start.y },
        { x: end.x - NODE.width / 2, y: end.y },
      ] as const;
      return { from, to, kind, path: curve([ends[0], ...points.slice(1, -1), ends[1]]) };
    }),
  };
}

interface Point {
  x: number;
  y: number;
}

/** A line from the middle of one side to the middle of another, level at each of its points. */
function curve([first, ...rest]: readonly Point[]): string {
  if (!first) return "";
  let path = `M${at(first.x, first.y)}`;
  let from = first;
  for (const to of rest) {
    const half = (from.x + to.x) / 2;
    path += `C${at(half, from.y)} ${at(half, to.y)} ${at(to.x, to.y)}`;
    from = to;
  }
  return path;
}

const at = (x: number, y: number): string => `${x.toFixed(1)},${y.toFixed(1)}`;
