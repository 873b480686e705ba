import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import type { RefObject } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { taskHref } from "../../address.ts";
import type { Graph } from "../../api/answers.ts";
import { words } from "../../format.ts";
import { NODE, place, type Placed } from "./layout.ts";

const HEIGHT_MAX = 520;
const HEIGHT_MIN = 120;
const ZOOM_STEP = 1.4;

/** A graph of tasks that can be moved and zoomed; each task is a link, coloured by its status. */
export function Canvas({ graph, current }: { graph: Graph; current: string }) {
  // The colours change all the time, the shape hardly ever.
  const shape = JSON.stringify([graph.nodes.map(({ id }) => id), graph.edges]);
  const placed = useMemo(() => place(graph), [shape]);
  const svg = useRef<SVGSVGElement>(null);
  const inner = useRef<SVGGElement>(null);
  const zoomBy = usePanZoom(svg, inner, placed, current);
  const known = new Map(graph.nodes.map((node) => [node.id, node]));
  return (
    <div class="graph-room">
      <svg
        ref={svg}
        class="graph"
        role="group"
        aria-label="Graph of tasks"
        height={Math.min(HEIGHT_MAX, Math.max(HEIGHT_MIN, placed.height + 20))}
      >
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0,0L8,4L0,8Z" class="graph-tip" />
          </marker>
        </defs>
        <g ref={inner}>
          {placed.edges.map(({ from, to, kind, path }) => (
            <path key={`${from} ${to} ${kind}`} class={`graph-edge is-${kind}`} d={path} marker-end="url(#tip)" />
          ))}
          {placed.nodes.map(({ id, x, y }) => (
            <Box key={id} id={id} x={x} y={y} node={known.get(id)} isCurrent={id === current} />
          ))}
        </g>
      </svg>
      <div class="graph-zoom row is-tight">
        <button type="button" aria-label="Zoom out" onClick={() => zoomBy(1 / ZOOM_STEP)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => zoomBy(ZOOM_STEP)}>
          +
        </button>
      </div>
    </div>
  );
}

/** Moves and zooms by pointer; answers with how to zoom without one. */
function usePanZoom(
  svg: RefObject<SVGSVGElement | null>,
  inner: RefObject<SVGGElement | null>,
  placed: Placed,
  current: string,
): (factor: number) => void {
  const scaleBy = useRef<(factor: number) => void>(() => {});
  useEffect(() => {
    const element = svg.current;
    if (!element) return;
    const behaviour = zoom<SVGSVGElement, unknown>()
      .scaleExtent([0.1, 2])
      // The wheel alone scrolls the page.
      .filter((event: MouseEvent) => event.type !== "wheel" || event.ctrlKey || event.metaKey)
      .on("zoom", ({ transform }) => inner.current?.setAttribute("transform", String(transform)));
    const selection = select(element).call(behaviour);
    const { width, height } = element.getBoundingClientRect();
    const scale = Math.min(1, Math.max(width / placed.width, 0.5), Math.max(height / placed.height, 0.5));
    const here = placed.nodes.find(({ id }) => id === current);
    const fits = placed.width * scale <= width && placed.height * scale <= height;
    const [x, y] = fits || !here ? [placed.width / 2, placed.height / 2] : [here.x + NODE.width / 2, here.y + NODE.height / 2];
    selection.call(
      behaviour.transform,
      zoomIdentity
        .translate(width / 2, height / 2)
        .scale(scale)
        .translate(-x, -y),
    );
    scaleBy.current = (factor) => selection.call(behaviour.scaleBy, factor);
    return () => {
      selection.on(".zoom", null);
    };
  }, [placed, current]);
  return (factor) => scaleBy.current(factor);
}

interface BoxProps {
  id: string;
  x: number;
  y: number;
  /** Unknown: of a domain that this token may not see, or purged. */
  node: Graph["nodes"][number] | undefined;
  isCurrent: boolean;
}

function Box({ id, x, y, node, isCurrent }: BoxProps) {
  const status = node?.status ?? "purged";
  const name = node ? (node.label ?? node.type) : "not to be seen";
  return (
    <a href={taskHref(id)} aria-current={isCurrent ? "true" : undefined}>
      <g class={`graph-node is-${status}${isCurrent ? " is-current" : ""}`} transform={`translate(${x},${y})`}>
        <rect width={NODE.width} height={NODE.height} rx="7" />
        <circle cx="14" cy="16" r="4.5" />
        <title>{`${name}, ${id}: ${words(status)}`}</title>
        <text x="26" y="20" class="graph-name">
          {cut(name, 24)}
        </text>
        <text x="26" y="36" class="graph-id">
          {cut(`${words(status)} · ${id}`, 30)}
        </text>
      </g>
    </a>
  );
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
