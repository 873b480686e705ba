import type { MillFigures } from "../../policy/coordination/protocol.ts";
import type { Flags, FlagsChange } from "../../policy/coordination/flags.ts";
import type { MillEvent } from "../../policy/events/event.ts";
import type { DomainFigures } from "../../policy/figures.ts";
import { StreamObject } from "../stream/object.ts";
import type { Audience } from "./audience.ts";
import type { FigureBook } from "./figure-book.ts";

/** What the part of the coordinator that is there to be looked at needs of the rest. */
export interface Watching {
  flags(): Flags;
  /** Stores changed flags, and tells every domain. */
  tell(change: FlagsChange): Promise<unknown>;
  /** Writes down what a domain told. */
  note(domain: string, figures: DomainFigures): void;
  figures(): MillFigures;
}

/** The coordinator as it is looked at: the mill's events, and the last figures of its domains. */
export abstract class WatchedObject extends StreamObject {
  // Its own, not of the prototype: nothing that could be called over RPC.
  protected audience!: Audience;
  protected book!: FigureBook;
  protected watching!: Watching;

  /** Events of a domain. */
  async forward(events: readonly MillEvent[]): Promise<{ isHeard: boolean }> {
    this.audience.refresh(this.watching);
    return this.audience.forwarded(events);
  }

  override async fetch(request: Request): Promise<Response> {
    this.audience.welcome();
    const response = await super.fetch(request);
    this.audience.refresh(this.watching);
    return response;
  }

  /** The figures of a domain that may have nothing more to say for a while. */
  async tellFigures(domain: string, figures: DomainFigures): Promise<void> {
    this.watching.note(domain, figures);
  }

  async metrics(): Promise<MillFigures> {
    return this.watching.figures();
  }
}
