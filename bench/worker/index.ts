import { createMill } from "millrace";
import { domains } from "./domains.ts";
import type { Handle } from "./drive.ts";
import { meterRows } from "./meter.ts";
import { perform } from "./routes.ts";

export { Floor } from "./floor.ts";

const mill = createMill({ domains });
export const { MillRunner } = mill;

/** A domain that can be thrown out of memory. */
export class MillDomain extends mill.MillDomain {
  async vanish(): Promise<void> {
    this.ctx.abort("the bench wants to see it wake");
  }
}

/** A coordinator whose rows are counted: it has no meter of its own. */
export class MillCoordinator extends mill.MillCoordinator {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    meterRows(ctx.storage.sql);
    super(ctx, env);
  }
}

const byName = new Map(domains.map((domain) => [domain.name as string, domain]));
const handleOf = (name: string) => mill.domain(byName.get(name)! as never) as unknown as Handle;

export default {
  async fetch(request: Request, env: Cloudflare.Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith("/bench/")) return mill.fetch(request, env, ctx);
    return Response.json((await perform(pathname.slice("/bench/".length), await request.json(), handleOf, mill)) ?? null);
  },
};
