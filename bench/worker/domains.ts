import { constant, defineDomain } from "millrace";
import { z } from "zod";
import { DOMAINS } from "../names.ts";

const payload = z.object({ n: z.number() });
const key = () => null;

/** When the executor of a payload began, for latencies: runner and driver share an isolate, so one clock. */
export const started = new Map<number, number>();
/** Whether executors write down when they begin. */
export const watch = { on: false, letGo: false };

function note(n: number): void {
  if (watch.on) started.set(n, performance.now());
}

/** Of whichever of these domains; the definition that would say so is still being made. */
async function hatch(context: unknown, domain: string, children: number): Promise<void> {
  const ctx = context as { domain(definition: unknown): { spawnAll(items: readonly object[]): Promise<unknown> } };
  await ctx.domain({ name: domain }).spawnAll(Array.from({ length: children }, (_, n) => ({ type: "plain", payload: { n } })));
}

/** Tasks that do next to nothing, so that what is measured is Millrace. */
const bench = (name: string) =>
  defineDomain(name, { history: { keep: name === "purge" || name === "purgetags" ? 0 : 3_000_000 } })
    .task("plain", { payload, key, execute: ({ n }) => note(n) })
    .task("result", { payload, key, execute: ({ n }) => ({ n, ok: true }) })
    .task("keyed", { payload, execute: () => undefined })
    .task("forgotten", { payload, key, keep: false, execute: () => undefined })
    .task("pulled", { payload, key, pull: true })
    // Children in one transaction: in its own domain, or in another.
    .task("brood", {
      payload: z.object({ n: z.number(), children: z.number(), domain: z.string() }),
      key,
      execute: ({ children, domain }, ctx) => hatch(ctx, domain, children),
    })
    // Until it is let go: it keeps a slot of its group.
    .task("hold", {
      payload,
      key,
      timeout: "1h",
      execute: async (_, ctx) => {
        while (!watch.letGo && !ctx.signal.aborted) await scheduler.wait(250);
      },
    })
    .task("flaky", {
      payload,
      key,
      retry: constant(1, "100ms"),
      execute: (_, ctx) => {
        if (ctx.attempt === 1) throw new Error("once");
      },
    });

/** One domain per scenario, so that none sees what another left behind. */
export const domains = DOMAINS.map((name) => bench(name));
