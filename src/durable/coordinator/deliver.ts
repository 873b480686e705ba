import type { Push } from "../../policy/coordination/ledger-options.ts";
import type { Confirmation } from "../../policy/coordination/protocol.ts";
import { point } from "../point.ts";
import { COORDINATOR, reachHolder } from "../reach.ts";

/** One attempt on a fresh stub; one that fails is repeated by the ledger's `tick` while somebody waits. */
export async function deliver(push: Push, confirm: (answer: Confirmation | null) => void): Promise<void> {
  try {
    point("coordinator.push.call", COORDINATOR);
    const answer = await reachHolder(push.domain).pushGrant(push.incarnation, push.grant);
    point("coordinator.push.answered", COORDINATOR);
    confirm(answer);
  } catch (error) {
    console.warn(JSON.stringify({ message: "a push to a domain failed", domain: push.domain, error: String(error) }));
  }
}
