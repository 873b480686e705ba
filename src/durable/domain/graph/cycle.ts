import { fail } from "../../../policy/errors.ts";
import { type ParsedId, parseTaskId, taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Neighbour, Questions } from "../../mail.ts";
import { point } from "../../point.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { answer } from "../look/questions.ts";
import { readTask, type TaskRow } from "../rows.ts";
import { walk } from "./waits.ts";

/**
 * Refuses children that depend on something which itself waits for their parent: its own parents, what depends on it, and
 * so on. Looks at 1,000 tasks at most; beyond that they are let in.
 */
export function refuseCycles(core: Core, parent: TaskRow, items: readonly SubmitItem[]): void {
  const asked = new Set<number>();
  for (const { dependsOn } of items) {
    for (const one of dependsOn ?? []) {
      const parsed = typeof one === "string" ? parseTaskId(one) : null;
      if (parsed?.domain === core.name) asked.add(parsed.counter);
    }
  }
  if (asked.size === 0) return;
  const above = ancestorsOf(core, parent);
  const seen = new Set<number>();
  for (const first of asked) {
    walk(core, [first], { seen });
    if ([...above].some((id) => seen.has(id))) throw cycle(taskId(core.name, parent.id), taskId(core.name, first));
  }
}

/**
 * The same over domains, before the transaction: what the children are to depend on is followed wherever it leads, and must
 * not come to their parent, or to anything above it.
 */
export async function lookForCycles(core: Core, parent: string, items: readonly SubmitItem[], reach: Reach): Promise<void> {
  const first = items.flatMap(({ dependsOn = [] }) => dependsOn.filter((one): one is string => typeof one === "string"));
  let open = new Set(first.filter((id) => parseTaskId(id) !== null && core.outside.registry.domains.has(parseTaskId(id)!.domain)));
  if (open.size === 0) return;
  const line = await lineOf(core, parent, reach);
  const asked = new Set<string>();
  for (let looked = 0; open.size > 0 && looked < LIMITS.cycleNodesMax;) {
    for (const id of open) asked.add(id);
    const answers = await Promise.all(
      [...countersOf(open)].map(([domain, from]) =>
        askIn(core, domain, "above", { from, marked: countersOf(line).get(domain) ?? [] }, reach),
      ),
    );
    const met = answers.flatMap((told) => told.met)[0];
    if (met !== undefined) throw cycle(parent, met);
    looked += answers.reduce((sum, { seen }) => sum + seen, 0);
    open = new Set(answers.flatMap(({ beyond }) => beyond).filter((id) => !asked.has(id)));
  }
}

type Reach = (domain: string) => Neighbour;

/** A task and everything above it by its parents, in whatever domains. */
async function lineOf(core: Core, task: string, reach: Reach): Promise<Set<string>> {
  const line = new Set<string>();
  for (let next: string | undefined = task; next !== undefined && line.size < LIMITS.cycleNodesMax;) {
    const { domain, counter }: ParsedId = parseTaskId(next)!;
    const part: string[] = await askIn(core, domain, "lineage", counter, reach);
    for (const id of part) line.add(id);
    const last = part.at(-1);
    next = last !== undefined && parseTaskId(last)!.domain !== domain ? last : undefined;
  }
  return line;
}

function countersOf(ids: Iterable<string>): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const id of ids) {
    const { domain, counter } = parseTaskId(id)!;
    found.set(domain, [...(found.get(domain) ?? []), counter]);
  }
  return found;
}

async function askIn<Kind extends "above" | "lineage">(
  core: Core,
  domain: string,
  kind: Kind,
  body: Questions[Kind]["body"],
  reach: Reach,
): Promise<Questions[Kind]["answer"]> {
  if (domain === core.name) return answer(core, kind, body);
  point("cycle.call", core.name);
  const answered = await reach(domain).ask(kind, body);
  point("cycle.answered", core.name);
  return answered;
}

/** For another domain, too: a task and everything above it by its parents, up to the first that is of another domain. */
export function lineage(core: Core, counter: number): string[] {
  const line: string[] = [];
  for (let row = readTask(core.store, counter); row && line.length < LIMITS.cycleNodesMax;) {
    line.push(taskId(core.name, row.id));
    if (row.parent === null) break;
    const parent = parseTaskId(row.parent)!;
    if (parent.domain !== core.name) return [...line, row.parent];
    row = readTask(core.store, parent.counter);
  }
  return line;
}

/** A task and everything above it, by its parents. */
function ancestorsOf(core: Core, row: TaskRow): Set<number> {
  const above = new Set([row.id]);
  for (let next: TaskRow | undefined = row; next?.parent && above.size < LIMITS.cycleNodesMax;) {
    const parent = parseTaskId(next.parent)!;
    if (parent.domain !== core.name) break;
    above.add(parent.counter);
    next = readTask(core.store, parent.counter);
  }
  return above;
}

function cycle(id: string, other: string): Error {
  const why = id === other ? `${id} waits for its children` : `${other} waits for ${id}, and that one for its children`;
  return fail("dependency_cycle", `A child of ${id} cannot depend on ${other}: ${why}. Nothing was spawned.`, { id, dependency: other });
}
