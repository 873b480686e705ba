import { runTask } from "millrace/testing";
import { expect, test } from "vitest";
import { audit, billing } from "../src/billing";

const env = { BANK: { charge: async (customer: string, cents: number) => `${customer} paid ${cents}` } };

test("charges, and notes it", async () => {
  const { result, submitted, progress } = await runTask(billing, "charge", { customer: "ada", cents: 250 }, { env, domains: [audit] });
  expect(result).toEqual({ receipt: "ada paid 250" });
  // Submits are checked like real ones, then recorded instead of sent.
  expect(submitted).toMatchObject([{ domain: "audit", type: "note", payload: { what: "ada paid 250" } }]);
  expect(progress).toMatchObject([{ fraction: 0.5, message: "charging" }]);
});

test("an unknown customer is not tried again", async () => {
  const failure = runTask(billing, "charge", { customer: "nobody", cents: 1 }, { env, domains: [audit] });
  await expect(failure).rejects.toMatchObject({ code: "no_customer", retryable: false });
});

test("a bad payload is refused, as a submit would", async () => {
  await expect(runTask(billing, "charge", { customer: "ada", cents: -1 })).rejects.toMatchObject({ code: "invalid_payload" });
});

test("an invoice counts who has paid", async () => {
  // Children are recorded; the test says how each one ends.
  const children = (child: { payload: unknown }) =>
    (child.payload as { customer: string }).customer === "bob" ? { status: "failed" as const } : { result: { receipt: "…" } };
  const { result, spawned } = await runTask(billing, "invoice", { customers: ["ada", "bob"] }, { env, children });
  expect(spawned).toHaveLength(2);
  expect(result).toEqual({ paid: 1 });
});
