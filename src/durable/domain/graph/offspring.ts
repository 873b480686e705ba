import { fitting } from "../../../policy/dependencies.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, statusFromCode, type TerminalStatus } from "../../../policy/status.ts";
import type { TaskError } from "../../../domains/task.ts";
import type { RunChild } from "../../protocol.ts";
import { readChildSizes, readEnds } from "./children.ts";
import type { Core } from "../core.ts";
import { type Kin, readKin } from "./kin.ts";

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
  return kin.map((one, index) => (fits[index] ? shown(one) : { ...shown({ ...one, result: null, error: null }), truncated: true }));
}

const shown = ({ domain, child, type, status, result, error }: Kin): RunChild => ({
  id: taskId(domain, child!),
  type,
  status: statusFromCode(status) as TerminalStatus,
  ...(result === null ? {} : { result }),
  ...(error === null ? {} : { error: JSON.parse(error) as TaskError }),
});

/** One of another domain, with result and error however large: its own domain may have purged it by now. */
export function childCopy(core: Core, { parent, child }: { parent: number; child: string }): RunChild | null {
  const { domain, counter } = parseTaskId(child)!;
  const query = `SELECT * FROM kin WHERE parent = ? AND domain = ? AND child = ? AND status >= ${FIRST_TERMINAL_CODE}`;
  const [kin] = core.store.exec<Kin>(query, parent, domain, counter).toArray();
  return kin ? shown(kin) : null;
}
