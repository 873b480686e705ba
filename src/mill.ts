import { env as bindings, waitUntil } from "cloudflare:workers";
import type { Hono } from "hono";
import type { AgingOptions } from "./policy/aging.ts";
import { type Clock, systemClock } from "./clock.ts";
import { localHandle } from "./client/local.ts";
import { localMill } from "./client/local-mill.ts";
import type { Defaults, DomainDefinition } from "./domains/definition.ts";
import { findDomain } from "./domains/find.ts";
import type { MillHandle } from "./domains/mill-handle.ts";
import type { DomainHandle } from "./domains/handle.ts";
import type { WebhookOptions } from "./domains/webhook-options.ts";
import type { TypesOf } from "./domains/ref.ts";
import type { DomainLike, Flat } from "./domains/shape.ts";
import { CoordinatorObject } from "./durable/coordinator/object.ts";
import { DomainObject } from "./durable/domain/object.ts";
import { listenTo } from "./durable/listen.ts";
import { reachCoordinator, reachDomain, reachNeighbour, reachRun, reachRunner } from "./durable/reach.ts";
import type { GroupOptions } from "./policy/group-rules.ts";
import type { PressureStep } from "./policy/pressure.ts";
import type { Priority } from "./policy/priority.ts";
import { compatibilityProblems } from "./compatibility.ts";
import { buildRegistry } from "./registry.ts";
import { runCron } from "./worker/cron.ts";
import { createGateway } from "./worker/gateway.ts";
import { millLists } from "./worker/lists.ts";
import { RunnerEntrypoint } from "./worker/runner.ts";
import { provide, seal } from "./worker/run/state.ts";
import { ServiceEntrypoint } from "./worker/service.ts";
import { Startup } from "./worker/startup.ts";
import { sweep } from "./worker/sweep.ts";

/** A definition whatever its types. */
export type AnyDomain = DomainDefinition &
  DomainLike & { readonly "~needs"?: { app: unknown; env: unknown } | undefined; readonly "~problems": readonly string[] };

/** The types of every domain by its name: what a mill knows, and `createClient<typeof mill>` learns. */
export type DomainsOf<Domains extends readonly AnyDomain[]> = Flat<{
  [Definition in Domains[number] as Definition["name"]]: Flat<TypesOf<Definition>>;
}>;

type Together<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void ? All : never;
/** The app state that all domains together ask for. */
type AppOf<Domains extends readonly AnyDomain[]> = Together<NonNullable<Domains[number]["~needs"]>["app"]>;

/** What `createMill` takes. */
export type MillOptions<Domains extends readonly AnyDomain[], Env, Late extends string = never> = {
  /** Every domain of this mill. */
  domains: Domains;
  /** How many tasks may run at once in the whole mill, 1 to 10,000; default 16. */
  maxConcurrency?: number;
  /** Settings of groups, across all domains; every group may also be changed live. A group needs none to be used. */
  groups?: Record<string, GroupOptions>;
  /** How many tasks of one group may run at once, where the group says nothing, 1 to 10,000; default: no cap. */
  defaultGroupMaxConcurrency?: number;
  /** For every domain and type that does not say otherwise. */
  defaults?: Defaults;
  /** How waiting tasks grow more urgent; default: they do not. With `{}`: after 5 minutes by 1 a minute, up to `high`. */
  aging?: AgingOptions;
  /**
   * Which tasks wait under pressure (`mill.pressure`): each step holds tasks of its priority, and whatever is less urgent, while
   * the pressure is above its limit. Default: background and idle above 0.5, normal above 0.75. `[]`: nobody waits.
   *
   * @example `pressure: [{ priority: "background", above: 0.3 }, { priority: "high", above: 0.95 }]`
   */
  pressure?: readonly PressureStep[];
  /**
   * A task submitted at this priority or a more urgent one that finds no slot takes one: the least urgent of what runs in the
   * mill, strictly less urgent than it, is aborted and goes back uncharged. Default `realtime`; `null`: never.
   */
  preemptAt?: Priority | null;
  /**
   * Functions for the platform's cron triggers, keyed by the very text under `[triggers] crons` in `wrangler.toml`.
   * What a tick submits through the mill it is given is submitted once, also when the platform repeats the tick.
   */
  crons?: Record<string, (mill: CronMill<DomainsOf<Domains>>) => unknown>;
  /**
   * Addresses that are told of events, by signed deliveries of `httpDomain`, which must be among `domains`. They are submitted
   * in the transaction of their event; there are none for what happens to deliveries.
   */
  webhooks?: readonly WebhookOptions<Env>[];
  /** Members of `ctx.app` that `app` leaves out, since `mill.provide` brings them. */
  late?: readonly Late[];
} & (object extends Omit<AppOf<Domains>, Late>
  ? { app?: (env: Env) => Omit<AppOf<Domains>, Late> }
  : { app: (env: Env) => Omit<AppOf<Domains>, Late> });

/** What a function under `crons` is given. */
export interface CronMill<Domains> {
  /** When the tick was due, in milliseconds since 1970. */
  readonly scheduledTime: number;
  /** The handle of a domain of this mill. */
  domain<Name extends Extract<keyof Domains, string>>(definition: DomainLike<Name, Domains[Name]>): DomainHandle<Name, Domains[Name]>;
}

/** A whole mill: the Worker's handlers, the classes it must export, and the way to its domains. */
export interface Mill<Domains, App = unknown> extends MillHandle {
  /** Export it; name it under `[[migrations]] new_sqlite_classes`. */
  readonly MillDomain: new (ctx: DurableObjectState, env: Cloudflare.Env) => DomainObject;
  /** Export it; name it under `[[migrations]] new_sqlite_classes`. */
  readonly MillCoordinator: new (ctx: DurableObjectState, env: Cloudflare.Env) => CoordinatorObject;
  /** Export it. */
  readonly MillRunner: new (ctx: ExecutionContext, env: Cloudflare.Env) => RunnerEntrypoint;
  /** For other Workers of the account, by service binding; export it where there are any. */
  readonly MillService: new (ctx: ExecutionContext, env: Cloudflare.Env) => ServiceEntrypoint;
  /** The HTTP API as a Hono app, to be mounted in another one. */
  readonly app: Hono<{ Bindings: Cloudflare.Env }>;
  /** Answers HTTP; does not use `this`. */
  readonly fetch: (request: Request, env: Cloudflare.Env, ctx: ExecutionContext) => Response | Promise<Response>;
  /** Runs the function under `crons` and the sweeper; does not use `this`. */
  readonly scheduled: (controller: ScheduledController, env: Cloudflare.Env, ctx: ExecutionContext) => Promise<void>;
  /**
   * The handle of a domain.
   *
   * @param definition one that is listed in `domains`, or a `ref` to it
   * @throws `unknown_domain`
   * @example `const { id } = await mill.domain(media).submit("resize", { object: "cat.jpg", width: 320 });`
   */
  domain<Name extends Extract<keyof Domains, string>>(definition: DomainLike<Name, Domains[Name]>): DomainHandle<Name, Domains[Name]>;
  /**
   * A member of `ctx.app` that does not come from `app(env)`: of a library, say, or one that needs the mill itself. Built once
   * per isolate, when a task first asks for it. Call it in the main module, before the first request.
   *
   * @throws `invalid_state` after the first request, `invalid_request` for a name that was provided before
   * @example `mill.provide("mailer", (env) => new Mailer(env.MAIL_TOKEN));`
   */
  provide<Name extends (keyof App extends never ? string : Extract<keyof App, string>)>(
    name: Name,
    factory: (env: Cloudflare.Env) => Name extends keyof App ? App[Name] : unknown,
  ): void;
  /** For the type checker alone: what `createClient<typeof mill>` reads. */
  readonly "~domains"?: Domains | undefined;
}

/**
 * Makes a mill of domains: the composition root. Call it once, in the Worker's main module.
 *
 * @throws `invalid_request` listing everything that is wrong at once: names, duplicates, options, defaults, schedules,
 * the compatibility date
 * @param clock time and chance; for tests of the mill itself
 * @example
 * ```ts
 * const mill = createMill({ domains: [ingest, media], maxConcurrency: 16 });
 * export const { MillDomain, MillCoordinator, MillRunner, MillService } = mill;
 * export default mill;
 * ```
 */
export function createMill<const Domains extends readonly AnyDomain[], Env = Cloudflare.Env, const Late extends string = never>(
  options: MillOptions<Domains, Env, Late>,
  clock: Clock = systemClock,
): Mill<DomainsOf<Domains>, AppOf<Domains>> {
  const registry = buildRegistry(options, compatibilityProblems());
  const crons = (options.crons ?? {}) as unknown as Record<string, (mill: CronMill<never>) => unknown>;
  const handles = new Map<string, DomainHandle<string, never>>();
  const domain = (name: string): DomainHandle<string, never> => {
    const known = handles.get(name);
    if (known) return known;
    const handle = localHandle<string, never>(registry, findDomain(registry, name), { reach: reachDomain, listen: listenTo, clock });
    handles.set(name, handle);
    return handle;
  };
  const app = createGateway(registry, {
    domain: (name, note) => reachDomain(name, systemClock, note),
    coordinator: (note) => reachCoordinator(systemClock, note),
    listen: listenTo,
    onRequest: () => awaken(),
  });
  const startup = new Startup(registry, { coordinator: () => reachCoordinator(clock), reach: reachDomain, clock, log: complain });
  const awaken = (): void => {
    seal(registry);
    const work = startup.begin(bindings);
    if (work) waitUntil(work);
  };
  // Of this isolate: a new one pokes every domain once, so that what a deploy declared comes alive.
  const poked = new Set<string>();

  const mill = {
    MillDomain: class MillDomain extends DomainObject {
      constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
        super(ctx, env, registry, { coordinator: reachCoordinator, runner: reachRunner, neighbour: reachNeighbour, clock });
      }
    },
    MillCoordinator: class MillCoordinator extends CoordinatorObject {
      constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
        super(ctx, env, registry, clock);
      }
    },
    MillRunner: class MillRunner extends RunnerEntrypoint {
      constructor(ctx: ExecutionContext, env: Cloudflare.Env) {
        super(ctx, env, registry, { reach: reachRun, domain, clock });
        seal(registry);
      }
    },
    MillService: class MillService extends ServiceEntrypoint {
      constructor(ctx: ExecutionContext, env: Cloudflare.Env) {
        super(ctx, env as object, app);
      }
    },
    app,
    fetch: (request: Request, env: Cloudflare.Env, ctx: ExecutionContext) => app.fetch(request, env as object, ctx),
    scheduled: async (controller: ScheduledController) => {
      seal(registry);
      const [ticked] = await Promise.allSettled([
        runCron(registry, crons, controller, reachDomain),
        startup.begin(bindings, true),
        sweep(registry, { coordinator: reachCoordinator(), reach: reachDomain, poked, log: complain }),
      ]);
      // After the sweep, so that the platform shows the tick as failed and nobody else pays for it.
      if (ticked.status === "rejected") throw ticked.reason;
    },
    domain: (definition: { readonly name: string }) => {
      // A host may take its handles in the main module, where nothing can be asked yet.
      if (isInRequest()) awaken();
      return domain(definition.name);
    },
    provide: (name: unknown, factory: unknown) => provide(registry, name, factory),
    ...localMill(() => reachCoordinator(clock), listenTo, clock),
    ...millLists([...registry.domains.keys()], reachDomain, () => reachCoordinator(clock)),
  };
  return mill as unknown as Mill<DomainsOf<Domains>, AppOf<Domains>>;
}

/** Outside of requests, while the main module is evaluated, the platform allows no calls. */
function isInRequest(): boolean {
  try {
    waitUntil(Promise.resolve());
    return true;
  } catch {
    return false;
  }
}

function complain(message: string, fields: Record<string, unknown>): void {
  console.error(JSON.stringify({ level: "error", message, ...fields }));
}
