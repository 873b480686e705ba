import { constant, defineDomain } from "millrace";
import { z } from "zod";
import { DOMAINS } from "../names.ts";

const payload = z.object({ n: z.number() });
const key = () => null;

/** When the executor of a payload began, for latencies: runner and driver share an isolate, so one clock. */
export const started = new Map<number, number>();
/** Whether executors write down when they begin. */
export const watch = { on: false };

function note(n: number): void {
  if (watch.on) started.set(n, performance.now());
}

/** Tasks that do next to nothing, so that what is measured is Millrace. */
const bench = (name: string) =>
  defineDomain(name, { history: { keep: name === "purge" || name === "purgetags" ? 0 : 3_000_000 } })
    .task("plain", { payload, key, execute: ({ n }) => note(n) })
    .task("result", { payload, key, execute: ({ n }) => ({ n, ok: true }) })
    .task("keyed", { payload, execute: () => undefined })
    .task("forgotten", { payload, key, keep: false, execute: () => undefined })
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
