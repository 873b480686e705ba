import { type DomainLike, defineDomain, exponential, type Json, NonRetryableError, type RateOptions, ref, type TaskType } from "millrace";
import { z } from "zod";
import type { CdnApi } from "./api.ts";

/** What a host has to say; everything else has a default. */
export interface AcmeCdnConfig<Env = Cloudflare.Env> {
  /** The origin that the CDN serves, such as `https://www.example.com`. */
  zone: string;
  /** How to reach the CDN: built once per isolate, from the Worker's bindings. */
  api: (env: Env) => CdnApi;
  /** Pages that are refreshed after each deploy and every night, such as `["/"]`; default: none. */
  entryPages?: readonly string[];
  /** When the entry pages are refreshed; default: every night at 3:15 UTC. */
  nightly?: { cron: string; timezone?: string };
  /** How many purges may start; default: five a second, which is what Acme allows a customer. */
  purgeRate?: RateOptions;
  /** Calls of the CDN under way at once; default 4. */
  maxConcurrency?: number;
  /** `onCall` is told when fewer than this part of the month's purges are left; default 0.1. */
  alertBelow?: number;
}

/** What the host provides, by `mill.provide("onCall", …)` or in `app`. */
export interface AcmeCdnApp {
  onCall: { tell: (message: string, facts: Record<string, Json>) => unknown };
}

/** A domain of the host's that hears of every purge, if it has one: by its name and types alone, never imported. */
export type Analytics = DomainLike<"analytics", { track: TaskType<{ event: string; facts: Record<string, Json> }> }>;

/** The group of everything that calls Acme: for a host that wants to cap it together with work of its own, or to pause it. */
export const ACME_GROUP = "acme-cdn";
/** What Acme allows a customer. */
const ACME_RATE: RateOptions = { permits: 5, per: "1s" };

const Path = z.string().max(2_048).regex(/^\//);
/** As many as Acme takes in one call. */
const Paths = z.array(Path).min(1).max(30);

/**
 * A domain `acme-cdn` that keeps a CDN's cache fresh: `purge`, `warm`, and `refresh`, which does both.
 *
 * @throws TypeError when the zone is no origin
 * @example
 * ```ts
 * const cdn = acmeCdn({ zone: "https://www.example.com", api: (env: Env) => acmeApi({ endpoint: env.ACME_URL, token: env.ACME_TOKEN }) });
 * const mill = createMill({ domains: [cdn], late: ["onCall"] });
 * mill.provide("onCall", () => ({ tell: (message) => console.error(message) }));
 * ```
 */
export function acmeCdn<Env = Cloudflare.Env>(config: AcmeCdnConfig<Env>) {
  const { origin } = new URL(config.zone);
  const urlOf = (path: string) => `${origin}${path}`;
  const entryPages = [...(config.entryPages ?? [])];
  const alertBelow = config.alertBelow ?? 0.1;

  const cdn = defineDomain<AcmeCdnApp, Env>()("acme-cdn", {
    state: (env: Env) => ({ api: config.api(env) }),
    maxConcurrency: config.maxConcurrency ?? 4,
    defaults: { retry: exponential(6, "2s", "5m"), timeout: "30s", tags: { "acme-cdn.zone": origin } },
  })
    .task("purge", {
      payload: z.object({ paths: Paths }),
      result: z.object({ ticket: z.string() }),
      label: ({ paths }) => `Purge ${paths[0]}${paths.length > 1 ? ` and ${paths.length - 1} more` : ""}`,
      priority: "high",
      group: ACME_GROUP,
      rate: config.purgeRate ?? ACME_RATE,
      // The key is the payload. Asked for again while it waits: one purge does for both. While it runs: another one follows,
      // since what changed in between may be in the cache again.
      async execute({ paths }, ctx) {
        const { ticket } = await ctx.state.api.purge(paths.map(urlOf), ctx.signal);
        // Optional: a host without a domain `analytics` hears nothing.
        await ctx
          .tryDomain(ref<Analytics>("analytics"))
          ?.submit("track", { event: "cdn.purged", facts: { paths } }, { idempotencyKey: `${ctx.task.id}/analytics` });
        return { ticket };
      },
    })
    .task("warm", {
      payload: z.object({ path: Path }),
      result: z.object({ status: z.number(), bytes: z.number() }),
      label: ({ path }) => `Warm ${path}`,
      priority: "background",
      group: ACME_GROUP,
      async execute({ path }, ctx) {
        const warmed = await ctx.state.api.warm(urlOf(path), ctx.signal);
        if (warmed.status >= 400) throw new NonRetryableError(`${path} answers ${warmed.status}`, { code: "page_broken" });
        return warmed;
      },
    })
    .task("refresh", {
      payload: z.object({ paths: Paths }),
      label: ({ paths }) => `Refresh ${paths.length} pages`,
      // A page that is broken does not keep the others from being warmed.
      failFast: false,
      async execute({ paths }, ctx) {
        const purge = await ctx.spawn("purge", { paths });
        await ctx.spawnAll(paths.map((path) => ({ type: "warm" as const, payload: { path }, dependsOn: [purge.id] })));
        return { purge: purge.id };
      },
      finalize({ paths }, memo, ctx) {
        const purge = ctx.children.find(({ id }) => id === memo.purge);
        if (purge?.status !== "completed") throw new NonRetryableError(`The purge ended ${purge?.status}`, { code: "not_purged" });
        const warm = ctx.children.filter(({ type, status }) => type === "warm" && status === "completed").length;
        return { purged: paths.length, warm };
      },
    })
    .singleton("quota", {
      every: "10m",
      async execute(ctx) {
        const quota = await ctx.state.api.quota(ctx.signal);
        // Of ctx.app, which the host provides after this domain was made.
        if (quota.left < quota.of * alertBelow)
          await ctx.app.onCall.tell(`${origin} has ${quota.left} purges left this month`, { ...quota });
        return quota;
      },
    });
  if (entryPages.length === 0) return cdn;
  return cdn
    .schedule("nightly", { type: "refresh", payload: { paths: entryPages }, ...(config.nightly ?? { cron: "15 3 * * *" }) })
    .onStart((jobs, mode) => {
      // The key: deploys in quick succession refresh once.
      if (mode === "production") jobs.submit("refresh", { paths: entryPages }, { key: "after-deploy", priority: "background" });
    });
}
