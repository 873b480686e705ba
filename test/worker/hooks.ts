import { defineDomain, httpDomain } from "millrace";
import { z } from "zod";

/** Of the mill's one webhook; deliveries of others are signed with another key. */
export const HOOK_SECRET = "a secret of the webhook alone";
export const http = httpDomain({ keys: ["the key of all other deliveries"] });

/** The one domain of which the webhook is told. */
export const hooked = defineDomain("hooked").task("note", { payload: z.object({ n: z.number() }), execute: () => undefined });
