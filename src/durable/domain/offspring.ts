import { fitting } from "../../policy/dependencies.ts";
import { taskId } from "../../policy/ids.ts";
import { utf8Bytes } from "../../policy/text.ts";
import { LIMITS } from "../../policy/limits.ts";
import { statusFromCode, type TerminalStatus } from "../../policy/status.ts";
import type { TaskError } from "../../domains/task.ts";
import type { RunChild } from "../protocol.ts";
import { readChildSizes, readEnds } from "./children.ts";
import type { Core } from "./core.ts";
import { readKin } from "./kin.ts";

/** All children of a task, by age, with as many results and errors as fit into 4 MiB; the others are read on demand. */
export function handOverChildren(core: Core, parent: number, life: number): RunChild[] {
  const sizes = readChildSizes(core, parent, life);
  const fits = fitting(
    sizes.map(({ bytes }) => bytes),
    LIMITS.dependencyBytesMax,
  );
  const wanted = sizes.filter(({ bytes }, index) => fits[index] && bytes > 0).map(({ id }) => id);
  const ends = new Map(readEnds(core, wanted).map((end) => [end.id, end]));
  const near = sizes.map(({ id, type, status }, index) => {
    const child: RunChild = { id: taskId(core.name, id), type, status: statusFromCode(status) as TerminalStatus };
    const end = ends.get(id);
    if (end && end.result !== null) child.result = end.result;
    if (end && end.error !== null) child.error = JSON.parse(end.error) as TaskError;
    if (!fits[index]) child.truncated = true;
    return child;
  });
  const used = sizes.reduce((sum, { bytes }, index) => sum + (fits[index] ? bytes : 0), 0);
  return [...near, ...handOverKin(core, parent, life, LIMITS.dependencyBytesMax - used)];
}

/** Those of other domains: their ends were brought here. */
function handOverKin(core: Core, parent: number, life: number, limit: number): RunChild[] {
  const kin = readKin(core, parent).filter((one) => one.child !== null && (one.status <= 10 || one.life === life));
  const fits = fitting(
    kin.map(({ result, error }) => utf8Bytes(result ?? "") + utf8Bytes(error ?? "")),
    limit,
  );
  return kin.map(({ domain, child, type, status, result, error }, index) => ({
    id: taskId(domain, child!),
    type,
    status: statusFromCode(status) as TerminalStatus,
    ...(fits[index] && result !== null ? { result } : {}),
    ...(fits[index] && error !== null ? { error: JSON.parse(error) as TaskError } : {}),
    ...(fits[index] ? {} : { truncated: true as const }),
  }));
}
