import { defineDomain, NonRetryableError } from "millrace";
import { z } from "zod";

interface Env {
  BANK: { charge: (customer: string, cents: number) => Promise<string> };
}

export const audit = defineDomain("audit").task("note", { payload: z.object({ what: z.string() }), execute: () => null });

export const billing = defineDomain("billing", { state: (env: Env) => ({ bank: env.BANK }) })
  .task("charge", {
    payload: z.object({ customer: z.string(), cents: z.number().int().positive() }),
    async execute({ customer, cents }, ctx) {
      if (customer === "nobody") throw new NonRetryableError("there is no such customer", { code: "no_customer" });
      ctx.progress(0.5, "charging");
      const receipt = await ctx.state.bank.charge(customer, cents);
      await ctx.domain(audit).submit("note", { what: receipt });
      return { receipt };
    },
  })
  .task("invoice", {
    payload: z.object({ customers: z.array(z.string()) }),
    async execute({ customers }, ctx) {
      await ctx.spawnAll(customers.map((customer) => ({ type: "charge" as const, payload: { customer, cents: 100 } })));
    },
    finalize: (_payload, _memo, ctx) => ({ paid: ctx.children.filter(({ status }) => status === "completed").length }),
    failFast: false,
  });
