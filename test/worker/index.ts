import { createMill } from "millrace";
import { reachRun } from "../../src/durable/reach.ts";
import { buildRegistry } from "../../src/registry.ts";
import { RunnerEntrypoint } from "../../src/worker/runner.ts";
import { clock } from "./clock.ts";
import { other, work } from "./domains.ts";
import { born, runner } from "./lives.ts";

const options = { domains: [work, other] as const, maxConcurrency: 8 };
const mill = createMill(options, clock);
const registry = buildRegistry(options);

/** As a mill makes them, but that a test can end their lives from within. */
export class MillDomain extends mill.MillDomain {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(born(ctx), env);
  }
}
export class MillCoordinator extends mill.MillCoordinator {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(born(ctx), env);
  }
}

/** As a mill makes it, but that a test can say whether its runs outlive their object. */
export class MillRunner extends RunnerEntrypoint {
  constructor(ctx: ExecutionContext, env: Cloudflare.Env) {
    const domain = (name: string) => mill.domain({ name } as never) as never;
    super(ctx, env, registry, { reach: reachRun, domain, clock, outlive: runner.outlive });
  }
}

export const workQ = mill.domain(work);
export const otherQ = mill.domain(other);
export { mill };
export default mill;
