import { createMill } from "millrace";
import type { Delivery, QuestionName, Questions } from "../../src/durable/mail.ts";
import type { RunLink, RunRequest } from "../../src/durable/protocol.ts";
import { reachRun } from "../../src/durable/reach.ts";
import type { SyncRequest } from "../../src/policy/coordination/protocol.ts";
import { buildRegistry } from "../../src/registry.ts";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { RunnerEntrypoint } from "../../src/worker/runner.ts";
import { clock } from "./clock.ts";
import { other, work } from "./domains.ts";
import { born, platform } from "./lives.ts";
import { HOOK_SECRET, hooked, http } from "./hooks.ts";
import { rounds } from "./singletons.ts";
import { strict } from "./strict.ts";

const options = {
  domains: [work, other, rounds, strict, hooked, http] as const,
  maxConcurrency: 8,
  webhooks: [
    { url: "https://hooks.test/in", events: ["task.submitted", "task.cancelled"] as const, secret: () => HOOK_SECRET, domains: ["hooked"] },
  ],
};
const mill = createMill(options, clock);
const registry = buildRegistry(options);

/** As a mill makes them, but that a test can end their lives from within, and cut their wires. */
export class MillDomain extends mill.MillDomain {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(born(ctx), env);
  }
  override async alarm(info?: AlarmInvocationInfo) {
    if (platform.rings && info) return platform.rings(this.ctx.storage, info);
    return super.alarm(info);
  }
  override async ask<Kind extends QuestionName>(kind: Kind, body: Questions[Kind]["body"]): Promise<Questions[Kind]["answer"]> {
    if (platform.mute === this.ctx.id.name) throw new Error("Network connection lost.");
    const answer = await super.ask(kind, body);
    await platform.answers?.(kind);
    return answer;
  }
  override async deliver(from: string, messages: Delivery[]) {
    if (platform.deaf === this.ctx.id.name) throw new Error("Network connection lost.");
    if (platform.lostMessages > 0) {
      platform.lostMessages -= 1;
      throw new Error("Network connection lost.");
    }
    const answers = await super.deliver(from, messages);
    if (platform.lostAnswers === 0) return answers;
    platform.lostAnswers -= 1;
    throw new Error("Network connection lost.");
  }
}
export class MillCoordinator extends mill.MillCoordinator {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(born(ctx), env);
  }
  override async sync(request: SyncRequest) {
    // Late, not lost: the object gives it up and asks again, and then the first arrives after all.
    while (platform.cutOff === request.holder) await scheduler.wait(2);
    return super.sync(request);
  }
  override async forward(events: readonly MillEvent[]) {
    if (platform.cutOff !== "" && events[0]?.domain === platform.cutOff) throw new Error("Network connection lost.");
    return super.forward(events);
  }
}

/** As a mill makes it, but that a test can say whether its runs outlive their object, and break them on their way. */
export class MillRunner extends RunnerEntrypoint {
  constructor(ctx: ExecutionContext, env: Cloudflare.Env) {
    const domain = (name: string) => mill.domain({ name } as never) as never;
    // Attempts fail here by the thousand: nobody reads of each.
    super(ctx, env, registry, { reach: reachRun, domain, clock, outlive: platform.outlive, write: () => undefined });
  }
  override run(request: RunRequest, link: RunLink) {
    platform.runs.push(request.tasks.map(({ id }) => id));
    if (platform.takes) return platform.takes(request, link);
    if (platform.breaks === 0) return super.run(request, link);
    platform.breaks -= 1;
    return Promise.reject(new Error("The runner's isolate has ended."));
  }
}

export const { MillService } = mill;
export const workQ = mill.domain(work);
export const otherQ = mill.domain(other);
export const roundsQ = mill.domain(rounds);
export const strictQ = mill.domain(strict);
export const hookedQ = mill.domain(hooked);
export const httpQ = mill.domain(http);
export { mill };
export default mill;
