import type { Graph } from "../domains/task.ts";
import type { SubmitItem } from "../durable/protocol.ts";
import { parseTaskId } from "../policy/ids.ts";
import { type Identity, requireAllDomains, requireDomain } from "./auth.ts";

/**
 * A dependency tells whether the other task exists, and how it ends: no token learns that of domains that are none of its own.
 *
 * @throws `forbidden`
 */
export function requireUpstreams(identity: Identity, items: readonly Pick<SubmitItem, "dependsOn">[]): void {
  if (identity.domains === null) return;
  for (const { dependsOn = [] } of items) {
    // A number is the place of another task in the same batch.
    for (const id of dependsOn) if (typeof id === "string") requireDomain(identity, parseTaskId(id)?.domain ?? "");
  }
}

/**
 * A backfill runs again whatever depends on its task, in whatever domain.
 *
 * @throws `forbidden`
 */
export async function requireDownstreams(identity: Identity, id: string, graph: () => Promise<Graph>): Promise<void> {
  if (identity.domains === null) return;
  const { edges, truncated } = await graph();
  // What was not looked at may be anywhere.
  if (truncated) requireAllDomains(identity);
  const found = new Set([id]);
  // Grows while it is walked.
  for (const from of found) for (const edge of edges) if (edge.kind === "depends" && edge.from === from) found.add(edge.to);
  for (const one of found) requireDomain(identity, parseTaskId(one)?.domain ?? "");
}
