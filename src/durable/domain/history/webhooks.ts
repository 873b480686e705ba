import { HTTP_DOMAIN } from "../../../domains/webhook-options.ts";
import type { Entry } from "../../../policy/events/ring.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { recallAnswer, rememberAnswer } from "../submit/idempotency.ts";
import type { Envelope } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { insert } from "../submit/submit.ts";

/** Sends what just happened to the webhooks that want it: in its own transaction, so that neither is there without the other. */
export function postWebhooks(core: Core, entry: Entry): void {
  const { webhooks } = core.outside.registry;
  // Deliveries are tasks, too: theirs would never end.
  if (!webhooks || core.name === HTTP_DOMAIN) return;
  for (const { url, events, domains, item } of webhooks) {
    if (!events.has(entry.event) || (domains && !domains.has(core.name))) continue;
    let items: SubmitItem[] = [];
    let bytes = 0;
    for (const event of entry.make()) {
      const payload = JSON.stringify({ url, body: event });
      const size = 2 * utf8Bytes(payload) + 512;
      if (items.length > 0 && bytes + size > LIMITS.jsonParameterBytesMax / 4) {
        post(core, HTTP_DOMAIN, "webhooks", items);
        [items, bytes] = [[], 0];
      }
      items.push({ ...item, payload });
      bytes += size;
    }
    if (items.length > 0) post(core, HTTP_DOMAIN, "webhooks", items);
  }
}

/** In the domain that delivers: a message may come twice, its deliveries are made once. */
export function takeWebhooks(core: Core, items: SubmitItem[], { from, id, now }: Envelope): null {
  const key = { key: `webhooks:${from}:${id}`, body: "" };
  if (!recallAnswer(core, key, now)) rememberAnswer(core, key, insert(core, items, now), now);
  return null;
}
