import { createMill, defineDomain } from "millrace";
import { z } from "zod";

const mail = defineDomain("mail", { maxConcurrency: 4 }).task("receipt", {
  payload: z.object({ order: z.string(), to: z.email() }),
  result: z.object({ subject: z.string() }),
  key: ({ order }) => order,
  label: ({ order }) => `Receipt of order ${order}`,
  // Here the mail would be sent.
  execute: async ({ order }, ctx) => {
    ctx.log.info("sent", { order });
    return { subject: `Your order ${order}` };
  },
});

const mill = createMill({ domains: [mail] });
export const { MillDomain, MillCoordinator, MillRunner, MillService } = mill;
/** What callers import, as a type. */
export type Jobs = typeof mill;
export default mill;
