import { readQuery } from "../client/query.ts";
import { type Listing, listing } from "../domains/listing.ts";
import type { MillHandle } from "../domains/mill-handle.ts";
import type { Page, Task } from "../domains/task.ts";
import type { DomainApi, TaskPage, TaskQuery } from "../durable/protocol.ts";
import type { AuditApi, AuditEntry, AuditPage } from "../policy/audit.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";
import { fail } from "../policy/errors.ts";
import { canonicalJson } from "../policy/key.ts";
import { LIMITS } from "../policy/limits.ts";
import { decodeCursor, encodeCursor, type Position } from "./cursor.ts";
import { mergeNewest, mergePages, type Positions } from "./merge.ts";

/** Of which list, from where, and how much of it. */
interface Asked {
  limit: number;
  cursor: string | undefined;
}

/**
 * A page of tasks over several domains, newest first.
 *
 * @throws `invalid_request` for a cursor of another list
 */
export async function pageOfTasks(
  domains: readonly string[],
  ask: (domain: string, query: TaskQuery) => Promise<TaskPage>,
  filters: TaskQuery,
  { limit, cursor }: Asked,
): Promise<Page<Task>> {
  const scope = tasksScope("", filters);
  const positions = positionsIn(scope, cursor, domains);
  const pages = await Promise.all(
    domains
      .filter((name) => positions[name] !== null)
      .map(async (name): Promise<[string, TaskPage]> => [name, await ask(name, { ...filters, limit, ...below(positions[name]) })]),
  );
  const { items, next } = mergePages(Object.fromEntries(pages), positions, limit);
  return { items, next: next === null ? null : encodeCursor(scope, next) };
}

/** What a cursor is about: a list of tasks of one domain, or of all, with these filters. */
export function tasksScope(domain: string, filters: TaskQuery): string {
  return `tasks ${domain} ${canonicalJson(filters)}`;
}

/** Of the mill's own log: no domain has such a name. */
export const MILL = "";
const AUDIT_SCOPE = "audit";

/** A page of the audit logs of several domains, and of the mill (`MILL`), newest first. */
export async function pageOfAudit(
  sources: readonly string[],
  ask: (source: string) => AuditApi,
  { limit, cursor }: Asked,
): Promise<Page<AuditEntry>> {
  const positions = positionsIn(AUDIT_SCOPE, cursor, sources);
  const pages = await Promise.all(
    sources
      .filter((name) => positions[name] !== null)
      .map(async (name): Promise<[string, AuditPage]> => [name, await ask(name).auditLog({ limit, ...below(positions[name]) })]),
  );
  const { items, next } = mergeNewest(Object.fromEntries(pages), positions, limit, { at: ({ at }) => at, number: ({ seq }) => seq });
  return { items: items.map(({ seq: _seq, ...entry }) => entry), next: next === null ? null : encodeCursor(AUDIT_SCOPE, next) };
}

/** The lists of a whole mill, inside the Worker. */
export function millLists(
  names: readonly string[],
  domain: (name: string) => DomainApi,
  coordinator: () => CoordinatorApi,
): Pick<MillHandle, "list" | "audit"> {
  return {
    list: (query = {}): Listing<Task> =>
      listing(async (cursor = query.cursor) => {
        const { cursor: _own, ...rest } = query;
        const { limit = LIMITS.pageDefault, ...filters } = readQuery(rest);
        return pageOfTasks(names, (name, asked) => domain(name).list(asked), filters, { limit, cursor });
      }),
    audit: (query = {}): Listing<AuditEntry> =>
      listing(async (cursor = query.cursor) => {
        const { limit = LIMITS.pageDefault } = readQuery(query.limit === undefined ? {} : { limit: query.limit });
        return pageOfAudit([...names, MILL], (name) => (name === MILL ? coordinator() : domain(name)), { limit, cursor });
      }),
  };
}

function below(position: number | null | undefined): { before?: number } {
  return position === undefined || position === null ? {} : { before: position };
}

/**
 * Where a list over several sources goes on. A cursor may name more of them than there are, after a deploy or with another token:
 * one that nobody asks would never come to its end.
 */
function positionsIn(scope: string, cursor: string | undefined, sources: readonly string[]): Positions {
  const position: Position = cursor === undefined ? {} : decodeCursor(scope, cursor);
  if (typeof position === "object") return Object.fromEntries(Object.entries(position).filter(([name]) => sources.includes(name)));
  throw foreignCursor();
}

/** The refusal of a cursor that is none of this list. */
export function foreignCursor(): Error {
  return fail("invalid_request", "cursor belongs to another list; send the `next` of the page before.", {
    issues: [{ path: "cursor", message: "of another list" }],
  });
}
