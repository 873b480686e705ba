import type { DomainSnapshot } from "../durable/protocol.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import type { TypeName } from "./shape.ts";

/** What a domain handle changes of the domain's limits, stored, from now on. */
export interface DomainLimits<Types> {
  /** The domain's cap from now on; `null`: none of its own. Lowering it kills nothing. */
  setMaxConcurrency(maxConcurrency: number | null): Promise<DomainSnapshot>;
  /**
   * How often tasks of a type may start from now on; `null`: as often as there are slots, whatever the code says. Tokens stay
   * where they are, as far as the new burst holds them.
   *
   * @throws `unknown_type`, `invalid_request`
   * @example `await media.setRate("resize", { permits: 10, per: "1s" });`
   */
  setRate(type: TypeName<Types>, rate: RateOptions | null): Promise<DomainSnapshot>;
}
