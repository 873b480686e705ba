import { claimValid, readClaim, readFailure, readProgress, readResult } from "../domains/claims.ts";
import type { DomainDefinition } from "../domains/definition.ts";
import type { ClaimOptions, FailOptions, RenewOptions } from "../domains/claim-options.ts";
import type { ClaimedTask } from "../domains/handle.ts";
import { toJson } from "../domains/json.ts";
import type { Task } from "../domains/task.ts";
import type { Claim, DomainApi, Renewal } from "../durable/protocol.ts";
import { fail } from "../policy/errors.ts";
import type { Http } from "./http.ts";

/** Claims over RPC to the domain's object. */
export async function claimLocally(domain: DomainDefinition, api: () => DomainApi, options: ClaimOptions): Promise<ClaimedTask[]> {
  const request = readClaim(domain, { ...options });
  const claims = await claimValid(
    domain,
    () => api().claim(request),
    (lease, settlement) => api().settleLease(lease, settlement),
  );
  return claims.map((claim) =>
    claimed(claim, {
      renew: async ({ progress }) => api().renewLease(claim.lease, readProgress(progress)),
      complete: async (result) => api().settleLease(claim.lease, await readResult(domain, claim.task.type, result)),
      fail: async (error, failing) => api().settleLease(claim.lease, readFailure({ error, ...failing })),
      release: () => api().settleLease(claim.lease, { kind: "release" }),
    }),
  );
}

/** How much longer than its wait a claim may take before it counts as lost. */
const GRACE_MS = 15_000;
const WAIT_MS_MAX = 30_000;

/** Claims over HTTP. */
export async function claimOverHttp(http: Http, path: string, options: ClaimOptions): Promise<ClaimedTask[]> {
  const lost = new AbortController();
  const stop = http.clock.after(WAIT_MS_MAX + GRACE_MS, () =>
    lost.abort(fail("domain_unreachable", "The claim got no answer in time; what it leased comes back when the lease ends.")),
  );
  const { claims } = await http
    .ask<{ claims: Claim[] }>({ method: "POST", path: `${path}/claims`, body: JSON.stringify(options), signal: lost.signal })
    .finally(stop);
  return claims.map((claim) => {
    const ask = <Answer>(verb: string, body?: string): Promise<Answer> =>
      http.ask<Answer>({
        method: "POST",
        path: `/v1/claims/${encodeURIComponent(claim.lease)}/${verb}`,
        ...(body === undefined ? {} : { body }),
      });
    return claimed(claim, {
      renew: (renewal) => ask("renew", JSON.stringify(renewal)),
      complete: async (result) =>
        ask("complete", result === undefined ? undefined : `{"result":${toJson(result, `The result of ${claim.task.type}`).text}}`),
      fail: (error, failing) => ask("fail", JSON.stringify({ error: plain(error), ...failing })),
      release: () => ask("release"),
    });
  });
}

/** An `Error`'s members are not its own, so JSON would lose them. */
function plain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  return { name, message, stack, code: (error as { code?: unknown }).code };
}

interface Verbs {
  renew(options: RenewOptions): Promise<Renewal>;
  complete(result: unknown): Promise<Task>;
  fail(error: unknown, options: FailOptions): Promise<Task>;
  release(): Promise<Task>;
}

function claimed({ lease, leaseUntil, task }: Claim, verbs: Verbs): ClaimedTask {
  return {
    lease,
    leaseUntil,
    task,
    renew: async (options = {}) => verbs.renew(options),
    complete: async (result) => verbs.complete(result),
    fail: async (error, options = {}) => verbs.fail(error, options),
    release: async () => verbs.release(),
  };
}
