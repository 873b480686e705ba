import { fitting } from "../../policy/dependencies.ts";
import { taskId } from "../../policy/ids.ts";
import { LIMITS } from "../../policy/limits.ts";
import { statusFromCode, type TerminalStatus } from "../../policy/status.ts";
import type { TaskError } from "../../domains/task.ts";
import type { RunChild } from "../protocol.ts";
import { readChildSizes, readEnds } from "./children.ts";
import type { Core } from "./core.ts";

/** All children of a task, by age, with as many results and errors as fit into 4 MiB; the others are read on demand. */
export function handOverChildren(core: Core, parent: number, life: number): RunChild[] {
  const sizes = readChildSizes(core, parent, life);
  const fits = fitting(
    sizes.map(({ bytes }) => bytes),
    LIMITS.dependencyBytesMax,
  );
  const wanted = sizes.filter(({ bytes }, index) => fits[index] && bytes > 0).map(({ id }) => id);
  const ends = new Map(readEnds(core, wanted).map((end) => [end.id, end]));
  return sizes.map(({ id, type, status }, index) => {
    const child: RunChild = { id: taskId(core.name, id), type, status: statusFromCode(status) as TerminalStatus };
    const end = ends.get(id);
    if (end && end.result !== null) child.result = end.result;
    if (end && end.error !== null) child.error = JSON.parse(end.error) as TaskError;
    if (!fits[index]) child.truncated = true;
    return child;
  });
}
