import { DurableObject } from "cloudflare:workers";
import { DomainObject } from "../../src/durable/domain/object.ts";
import { reachDomain, reachRun, reachRunner } from "../../src/durable/reach.ts";
import { RunnerEntrypoint } from "../../src/worker/runner.ts";
import { buildRegistry } from "../../src/registry.ts";
import { localHandle } from "../../src/client/local.ts";
import { clock } from "./clock.ts";
import { other, work } from "./domains.ts";
const registry = buildRegistry({ domains: [work, other], maxConcurrency: 8 } as never, []);
let v = 0;
const coordinator = () => ({ sync: async () => ({ grant: { version: ++v, slots: 8, leaseMs: 30_000 } }) }) as never;
export class MillDomain extends DomainObject { constructor(ctx: DurableObjectState, env: unknown) { super(ctx, env, registry, { coordinator, runner: reachRunner, clock }); } }
export class MillCoordinator extends DurableObject {}
export class MillRunner extends RunnerEntrypoint { constructor(ctx: ExecutionContext, env: unknown) { super(ctx, env, registry, { reach: reachRun, domain: () => { throw new Error("no"); } }); } }
export const workQ = localHandle<"work", any>(registry, work as any, { reach: reachDomain }) as any;
export const otherQ = localHandle<"other", any>(registry, other as any, { reach: reachDomain }) as any;
export default { fetch: () => new Response("x") };
