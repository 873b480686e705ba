import { runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { MillraceError } from "../../src/policy/errors.ts";
import { clock } from "./clock.ts";
import { ringing } from "./lives.ts";
import { alarmAt, ring, stub } from "./reach.ts";

/** Makes a call until it is answered: what broke because its object died is repeated, a refusal is an answer. */
export async function survive<T>(call: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (MillraceError.is(error) && error.code !== "domain_unreachable") return undefined;
      if (!isDeath(error)) throw error;
      await scheduler.wait(1);
    }
  }
}

/** The platform's words for an object that died under a call, its own or those of `abort`; anything else is a fault. */
const isDeath = (error: unknown): boolean =>
  MillraceError.is(error, "domain_unreachable") || /killed|crashed|network connection lost|object reset|broken/i.test(String(error));

/** Rings an alarm that is due, and once more when the object died of it and set no other, as the platform does. */
async function ringIfDue(domain: string): Promise<void> {
  const at = await survive(() => alarmAt(domain));
  if (at === null || at === undefined || at > clock.now()) return;
  ringing.add(domain);
  try {
    await ring(domain);
  } catch {
    await survive(() =>
      runInDurableObject(stub(domain), (object, state) =>
        state.storage.getAlarm().then((other) => (other === null ? object.alarm() : undefined)),
      ),
    );
  }
  ringing.delete(domain);
}

/** Time that passes: the clock goes on step by step, and alarms ring when they are due. */
export class Time {
  stepMs = 5;
  /** Long steps whatever anybody asks for: something died, and what it left behind is waited for. */
  isInHurry = false;
  /** Called at every step. */
  readonly watchers: (() => void)[] = [];
  private readonly domains: readonly string[];
  private isOver = false;
  private running: Promise<void> | undefined;

  constructor(domains: readonly string[]) {
    this.domains = domains;
  }

  start(): this {
    this.isOver = false;
    this.running = this.go();
    return this;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  /** Waits until it is so, at most `steps` steps of time. */
  async until(what: string, isSo: () => Promise<boolean> | boolean, steps = 2_000): Promise<void> {
    const end = this.steps + steps;
    while (!(await isSo())) {
      if (this.steps > end) throw new Error(`stuck: ${what} did not come in ${steps} steps of ${this.stepMs} ms`);
      await scheduler.wait(1);
    }
  }

  steps = 0;

  private async go(): Promise<void> {
    while (!this.isOver) {
      clock.advance(this.isInHurry ? Math.max(250, this.stepMs) : this.stepMs);
      this.steps += 1;
      for (const watch of this.watchers) watch();
      await scheduler.wait(3);
      for (const domain of this.domains) await ringIfDue(domain);
    }
  }
}

/** Ends an object's life from outside, wherever it is. */
export const crash = (name: string): Promise<void> =>
  runInDurableObject(name === "mill" ? coordinator() : stub(name), (_object: DurableObject, state) => state.abort("crashed")).catch(
    () => undefined,
  );

/** The stub of the coordinator, for the test plugin's tools. */
export const coordinator = (): DurableObjectStub =>
  (exports as unknown as { MillCoordinator: DurableObjectNamespace }).MillCoordinator.getByName("mill");
