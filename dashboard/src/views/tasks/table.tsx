import type { Signal } from "@preact/signals";
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { taskHref, tasksHref } from "../../address.ts";
import type { Task } from "../../api/answers.ts";
import { now } from "../../clock.ts";
import { duration } from "../../format.ts";
import { Status } from "../../parts/status.tsx";
import { When } from "../../parts/when.tsx";
import { may } from "../../session.ts";
import type { TaskRows } from "./rows.ts";

const ROW_PX = 44;
const OVERSCAN = 12;
/** So close to the end the next page is loaded. */
const AHEAD = 30;

interface Props {
  rows: TaskRows;
  chosen: Signal<ReadonlySet<string>>;
  /** All that match are chosen, also those that are not loaded. */
  all: Signal<boolean>;
}

/** The rows that can be seen, of however many there are. */
export function Rows({ rows, chosen, all }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const items = rows.items ?? [];
  const virtual = useVirtual(items, box);
  const shown = virtual.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    rows.see(first, last);
    if (rows.more && last >= items.length - AHEAD) rows.loadMore();
  });
  const anchor = useRef<string | undefined>(undefined);
  const canChoose = may("operator");
  const choose = (event: MouseEvent, id: string) => {
    all.value = false;
    chosen.value = chosenAfter(chosen.peek(), items, id, event.shiftKey ? anchor.current : undefined);
    anchor.current = id;
  };
  return (
    <div class={canChoose ? "" : "is-only-read"} role="table" aria-label="Tasks" aria-rowcount={rows.more ? -1 : items.length + 1}>
      <Head canChoose={canChoose} />
      <div class="rows" ref={box} role="rowgroup" aria-label="Tasks" tabIndex={0}>
        <div role="presentation" class="rows-inner" style={{ height: `${virtual.getTotalSize()}px` }}>
          {shown.map(({ index, start }) => {
            const task = items[index];
            if (!task) return null;
            const isChosen = all.value || chosen.value.has(task.id);
            return (
              <div
                key={task.id}
                role="row"
                aria-rowindex={index + 2}
                class={isChosen ? "task is-chosen" : "task"}
                style={{ transform: `translateY(${start}px)` }}
              >
                <Cells task={task} isChosen={isChosen} onChoose={canChoose ? choose : undefined} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Head({ canChoose }: { canChoose: boolean }) {
  return (
    <div role="rowgroup" class="rows-head">
      <div role="row" aria-rowindex={1} class="task is-head">
        {canChoose ? (
          <div role="columnheader">
            <span class="hidden">chosen</span>
          </div>
        ) : null}
        <div role="columnheader" class="task-status">
          <span>status</span>
        </div>
        <div role="columnheader">task</div>
        <div role="columnheader" class="task-type">
          type
        </div>
        <div role="columnheader" class="task-time num" title="How long it ran, or runs; of what is scheduled, when it is due">
          ran, or due
        </div>
        <div role="columnheader" class="num">
          submitted
        </div>
      </div>
    </div>
  );
}

interface CellProps {
  task: Task;
  isChosen: boolean;
  /** undefined: this token can do nothing to it. */
  onChoose: ((event: MouseEvent, id: string) => void) | undefined;
}

function Cells({ task, isChosen, onChoose }: CellProps) {
  const { id, domain, type, label, status, error } = task;
  return (
    <>
      {onChoose ? (
        <div role="cell" class="task-choose">
          <input type="checkbox" aria-label={`Choose ${id}`} checked={isChosen} onClick={(event) => onChoose(event, id)} />
        </div>
      ) : null}
      <div role="cell" class="task-status">
        <Status of={status} />
      </div>
      <div role="cell" class="task-name cut">
        <a href={taskHref(id)}>{label ?? id}</a>
        {error && status !== "running" ? <span class="task-error"> {error.message}</span> : null}
      </div>
      <div role="cell" class="task-type cut">
        <a href={tasksHref(`domain:${domain} type:${type}`)}>
          {domain}.{type}
        </a>
      </div>
      <div role="cell" class="task-time num dim">
        {timeOf(task)}
      </div>
      <div role="cell" class="task-when num dim">
        <When at={task.createdAt} />
      </div>
    </>
  );
}

/** What of its time tells most: how long it ran, runs, or still has to wait. */
function timeOf(task: Task): string {
  if (task.status === "running") {
    const percent = task.progress ? `${Math.floor(task.progress.fraction * 100)} % · ` : "";
    return percent + duration(now.value - Date.parse(task.startedAt ?? task.createdAt));
  }
  if (task.durationMs !== null) return duration(task.durationMs);
  if (task.status === "scheduled" && task.runAt) return `in ${duration(Math.max(0, Date.parse(task.runAt) - now.value))}`;
  return "";
}

/** With the shift key: all from the last click to this one. */
function chosenAfter(before: ReadonlySet<string>, items: readonly Task[], id: string, anchor: string | undefined): ReadonlySet<string> {
  const after = new Set(before);
  const from = anchor === undefined ? -1 : items.findIndex((task) => task.id === anchor);
  const to = items.findIndex((task) => task.id === id);
  if (from >= 0) for (const task of items.slice(Math.min(from, to), Math.max(from, to) + 1)) after.add(task.id);
  else if (!after.delete(id)) after.add(id);
  return after;
}

/** The virtualizer of a box; rows that come in above what is seen do not push it down. */
function useVirtual(items: readonly Task[], box: { current: HTMLDivElement | null }): Virtualizer<HTMLDivElement, Element> {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const options = {
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index: number) => items[index]?.id ?? index,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => draw(undefined),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  virtual.setOptions(options);
  useEffect(() => virtual._didMount(), []);
  useEffect(() => virtual._willUpdate());
  const top = useRef<string | undefined>(undefined);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const was = top.current;
    if (was !== undefined && element.scrollTop > ROW_PX) {
      const at = items.findIndex(({ id }) => id === was);
      if (at > 0) element.scrollTop += at * ROW_PX;
    }
    top.current = items[0]?.id;
  }, [items]);
  return virtual;
}
