import type { Graph } from "../../../domains/task.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { GraphAnswer, GraphPart, Neighbour } from "../../mail.ts";
import { point } from "../../point.ts";
import { mustRead } from "../run/cancel.ts";
import { readChildIds } from "./children.ts";
import type { Core } from "../core.ts";
import { readEdges } from "./edges.ts";
import { readKin } from "./kin.ts";
import { nameOf, standIn, taskOf } from "./remotes.ts";
import { optionsOf, readTasks, type TaskRow } from "../rows.ts";
import { shownStatus } from "../look/view.ts";

const DIRECTIONS = ["up", "parents", "children", "down"] as const satisfies GraphPart["direction"][];

/**
 * Everything a task depends on, everything that depends on it, and its family up and down, level by level and over domains, at
 * most 1,000 tasks. What its neighbours have to do with third tasks is not followed.
 *
 * @throws `domain_unreachable` when one of the domains does not answer
 */
export async function graph(core: Core, id: number, reach: (domain: string) => Neighbour): Promise<Graph> {
  mustRead(core, id);
  const nodes = new Map<string, Graph["nodes"][number]>();
  const edges = new Map<string, Graph["edges"][number]>();
  let truncated = false;
  for (const direction of DIRECTIONS) {
    const asked = new Set<string>();
    let frontier: [domain: string, id: string][] = [[core.name, taskId(core.name, id)]];
    while (frontier.length > 0) {
      const next: [string, string][] = [];
      for (const domain of new Set(frontier.map(([name]) => name))) {
        const ids = frontier.filter(([name, one]) => name === domain && !asked.has(`${name} ${one}`)).map(([, one]) => one);
        if (ids.length === 0) continue;
        for (const one of ids) asked.add(`${domain} ${one}`);
        const room = LIMITS.graphNodesMax - nodes.size;
        if (room <= 0) truncated = true;
        if (room <= 0) break;
        const part = await ask(core, domain, { ids, direction, room, known: knownIn(nodes, domain) }, reach);
        for (const node of part.nodes) nodes.set(node.id, node);
        for (const edge of part.edges) edges.set(`${edge.kind} ${edge.from} ${edge.to}`, edge);
        truncated ||= part.truncated;
        next.push(...part.beyond);
      }
      frontier = truncated ? [] : next;
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], ...(truncated ? { truncated } : {}) };
}

/** Tasks of a domain that the answer has already. */
const knownIn = (nodes: ReadonlyMap<string, unknown>, domain: string): string[] =>
  [...nodes.keys()].filter((id) => id.startsWith(`${domain}_`));

async function ask(core: Core, domain: string, part: GraphPart, reach: (domain: string) => Neighbour): Promise<GraphAnswer> {
  if (domain === core.name) return graphPart(core, part);
  point("graph.call", core.name);
  const answer = await reach(domain).ask("graphPart", part);
  point("graph.answered", core.name);
  return answer;
}

/** The part of a graph that lies in this domain, from some tasks on, and where it goes on in others. */
export function graphPart(core: Core, { ids, direction, room, known }: GraphPart): GraphAnswer {
  const rows = new Map<number, TaskRow>();
  const passed = new Set(known.map((id) => parseTaskId(id)!.counter));
  const edges: Graph["edges"] = [];
  const beyond = new Map<string, [string, string]>();
  let truncated = false;
  const link: Link = (from, to, kind = "depends") => void edges.push({ from: nameOf(core, from), to: nameOf(core, to), kind });
  const step = STEPS[direction];
  let starts = ids.map((id) => standInOrOwn(core, id));
  // What depends here on a task of another domain is the first level; a task of this one is its own.
  let level = readTasks(
    core.store,
    starts.filter((id) => id > 0),
  );
  for (const row of level) if (!passed.has(row.id)) rows.set(row.id, row);
  starts = starts.filter((id) => id < 0);
  while (level.length > 0 || starts.length > 0) {
    const found = new Set<number>();
    for (const id of step(core, level, starts, link, (domain, of) => beyond.set(`${domain} ${of}`, [domain, of]))) {
      if (id > 0 && !rows.has(id) && !passed.has(id)) found.add(id);
    }
    starts = [];
    if (found.size > room - rows.size) truncated = true;
    level = readTasks(core.store, [...found].slice(0, Math.max(0, room - rows.size)));
    for (const row of level) rows.set(row.id, row);
  }
  const nodes = [...rows.values()].map((row) => ({
    id: taskId(core.name, row.id),
    type: row.type,
    label: row.label,
    status: shownStatus(core, row),
  }));
  return { nodes, edges, beyond: [...beyond.values()], truncated };
}

const standInOrOwn = (core: Core, id: string): number => {
  const parsed = parseTaskId(id)!;
  return parsed.domain === core.name ? parsed.counter : standIn(core, parsed);
};

type Link = (from: number, to: number, kind?: Graph["edges"][number]["kind"]) => void;
/** The graph goes on in that domain, at that task. */
type GoOn = (domain: string, id: string) => void;

type Step = (core: Core, level: readonly TaskRow[], starts: readonly number[], link: Link, goOn: GoOn) => number[];
const STEPS: Record<GraphPart["direction"], Step> = { up: upstreamsOf, parents: parentsOf, children: childrenOf, down: dependentsOf };

function parentsOf(core: Core, level: readonly TaskRow[], _starts: readonly number[], link: Link, goOn: GoOn): number[] {
  return level.flatMap((row) => {
    if (row.parent === null) return [];
    const parent = standInOrOwn(core, row.parent);
    link(parent, row.id, "child");
    if (parent < 0) goOn(taskOf(core, parent).domain, row.parent);
    return [parent];
  });
}

function childrenOf(core: Core, level: readonly TaskRow[], _starts: readonly number[], link: Link, goOn: GoOn): number[] {
  return level.flatMap((row) => {
    if (row.family === null) return [];
    for (const { domain, child } of readKin(core, row.id)) {
      if (child === null) continue;
      link(row.id, standIn(core, { domain, counter: child }), "child");
      goOn(domain, taskId(domain, child));
    }
    return readChildIds(core, row.id, LIMITS.graphNodesMax).map((child) => (link(row.id, child, "child"), child));
  });
}

function upstreamsOf(core: Core, level: readonly TaskRow[], _starts: readonly number[], link: Link, goOn: GoOn): number[] {
  return level.flatMap((row) =>
    (optionsOf(row).dependsOn ?? []).map((upstream) => {
      link(upstream, row.id);
      if (upstream < 0) goOn(taskOf(core, upstream).domain, nameOf(core, upstream));
      return upstream;
    }),
  );
}

function dependentsOf(core: Core, level: readonly TaskRow[], starts: readonly number[], link: Link, goOn: GoOn): number[] {
  const ids = [...level.map((row) => row.id), ...starts];
  if (core.state.watchers > 0) {
    const query = "SELECT w.upstream, w.domain FROM json_each(?) AS j CROSS JOIN watchers AS w ON w.upstream = j.value";
    for (const { upstream, domain } of core.store.exec<{ upstream: number; domain: string }>(query, JSON.stringify(ids)))
      goOn(domain, nameOf(core, upstream));
  }
  return readEdges(core.store, ids)
    .filter((edge) => edge.kind !== "after")
    .map((edge) => (link(edge.upstream, edge.dependent), edge.dependent));
}
