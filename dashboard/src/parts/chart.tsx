import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { isDark } from "../theme.ts";

interface Line {
  label: string;
  /** A custom property of the style sheet. */
  colour: string;
  values: readonly (number | null)[];
}

interface Props {
  label: string;
  /** When the first step begins, and how long one is; ms. */
  from: number;
  stepMs: number;
  lines: readonly Line[];
}

const HEIGHT = 200;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
/** Tasks are counted: no axis has halves of them. */
const WHOLE = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** Lines over time, with axes and a legend that follows the pointer. */
export function Chart({ label, from, stepMs, lines }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const names = lines.map((line) => line.label).join();
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const style = getComputedStyle(element);
    // A canvas takes no light-dark(): the colours are read from elements that have them.
    const colours = [...element.querySelectorAll("i")].map((mark) => getComputedStyle(mark).color);
    const axis = { stroke: style.color, grid: { stroke: getComputedStyle(element).borderTopColor, width: 1 }, ticks: { show: false } };
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        series: [{}, ...lines.map((line, at) => ({ label: line.label, stroke: colours[at] ?? "gray", width: 1.5 }))],
        axes: [
          { ...axis, values: (_plot, at) => at.map((seconds) => clock.format(seconds * 1_000)) },
          { ...axis, size: 44, incrs: WHOLE },
        ],
        scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most)] } },
      },
      dataOf(from, stepMs, lines),
      element,
    );
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
    };
  }, [names, isDark.value]);
  useEffect(() => plot.current?.setData(dataOf(from, stepMs, lines)), [from, stepMs, lines]);
  return (
    <div class="chart" ref={box} role="img" aria-label={label}>
      {lines.map(({ label: name, colour }) => (
        <i key={name} hidden class={`ink-${colour}`} />
      ))}
    </div>
  );
}

function dataOf(from: number, stepMs: number, lines: readonly Line[]): uPlot.AlignedData {
  const steps = lines[0]?.values.length ?? 0;
  return [Array.from({ length: steps }, (_, at) => (from + at * stepMs) / 1_000), ...lines.map(({ values }) => [...values])];
}
