import type { MillEvent } from "../policy/events/event.ts";
import type { World } from "./world.ts";

/** Rings when something happens to what is watched, so that nobody has to ask all the time. */
export class Bell {
  readonly #world: World;
  readonly #stop = new AbortController();
  #wake: (() => void) | undefined;
  #hasRung = false;
  #deaf = false;

  /**
   * @param listen a stream of events, until the signal aborts
   * @param concerns which of them ring
   */
  constructor(
    world: World,
    listen: readonly ((signal: AbortSignal) => AsyncIterable<MillEvent>)[],
    concerns: (event: MillEvent) => boolean,
  ) {
    this.#world = world;
    for (const open of listen) void this.#follow(open(this.#stop.signal), concerns);
  }

  /** Until it rings, `patientMs` at most; a mill that tells no events is asked again after `deafMs`. */
  async wait(patientMs: number, deafMs: number): Promise<void> {
    if (!this.#hasRung) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      const either = AbortSignal.any([woken.signal, this.#world.interrupted]);
      await this.#world.clock.sleep(this.#deaf ? deafMs : patientMs, either).catch(() => undefined);
      this.#world.interrupted.throwIfAborted();
    }
    this.#hasRung = false;
  }

  /** Lets go of the connections. */
  stop(): void {
    this.#stop.abort(new Error("stopped"));
  }

  async #follow(events: AsyncIterable<MillEvent>, concerns: (event: MillEvent) => boolean): Promise<void> {
    try {
      for await (const event of events) if (event.event === "missed" || concerns(event)) this.#ring();
    } catch {
      // An older mill, or one that refuses: asking goes on, and says what is wrong where something is.
      this.#deaf = true;
      this.#ring();
    }
  }

  #ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }
}
