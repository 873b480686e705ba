import type { Context } from "hono";
import type { Clock } from "../clock.ts";
import type { DomainDefinition, Registry } from "../domains/definition.ts";
import type { DomainApi } from "../durable/protocol.ts";
import type { EventFilter } from "../policy/events/filter.ts";
import type { AuditNote } from "../policy/audit.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";
import type { Role } from "../policy/roles.ts";
import type { AuthEnv, Identity } from "./auth.ts";
import type { BodyShape } from "./body.ts";
import type { LogEntry } from "./problem.ts";
import type { Given, QueryShape } from "./query.ts";

/** What the gateway needs of the mill it stands before. */
export interface GatewayOptions {
  /** The Domain object of that name; `reachDomain` of `durable/reach.ts`. */
  domain: (name: string, note?: AuditNote) => DomainApi;
  /** `reachCoordinator` of `durable/reach.ts`. */
  coordinator: (note?: AuditNote) => CoordinatorApi;
  /** A socket from the object whose events are asked for, null: the mill's; `listenTo` of `durable/listen.ts`. */
  listen?: (domain: string | null, filter: EventFilter, since: number | undefined, confirms: boolean) => Promise<WebSocket>;
  clock?: Clock;
  /** Hears of every request that was let in, before it is answered; must not throw. */
  onRequest?: () => void;
  /** Hears of unexpected errors; default `console.error`, as one line of JSON. */
  log?: (entry: LogEntry) => void;
}

/** The gateway's own context in Hono. */
export type GatewayContext = Context<{ Bindings: AuthEnv }>;

/** One request that has been let in and whose names, parameters and body have been checked. */
export interface Call {
  registry: Registry;
  options: GatewayOptions;
  /** All of the gateway's. */
  routes: readonly Route[];
  clock: Clock;
  context: GatewayContext;
  identity: Identity;
  given: Given;
  body: Record<string, unknown>;
  /** Of the path: `:domain`, or the domain that `:task`, `:schedule`, `:bulk` or `:lease` belongs to. */
  definition: DomainDefinition;
  /** Its object. */
  api: DomainApi;
  /** `:task`, `:schedule`, `:bulk` or `:lease`. */
  id: string;
}

/** One request of the contract: what is asked, and who may. */
export interface AskedRoute {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `:domain`, `:task`, `:schedule`, `:bulk` and `:lease` are looked up before the route is asked. */
  path: string;
  /** The least role that may ask. */
  role: Role;
  query?: QueryShape;
  body?: BodyShape;
}

/** The same with its answer. */
export interface Route extends AskedRoute {
  /** A page for a browser that cannot send a token by itself: 401 all the same, and it holds nothing secret. */
  unknown?: (clock: Clock) => Response;
  answer: (call: Call) => Promise<Response> | Response;
}

/** The domains that a token may see. */
export function visibleDomains({ registry, identity }: Call): DomainDefinition[] {
  return [...registry.domains.values()].filter(({ name }) => identity.domains === null || identity.domains.has(name));
}
