import { join } from "node:path";
import { expect, test } from "vitest";
import { Mill, ROOT, temporary } from "./mill.ts";

test("[service binding] a shop in one Worker submits to the mill in another, and waits for the result", async () => {
  using home = temporary("service");
  const folder = join(ROOT, "examples", "service-binding");
  await using shop = await Mill.start({
    folder,
    home: home.path,
    configs: ["shop/wrangler.toml", "jobs/wrangler.toml"],
    ready: "/orders/mail_1",
  });
  const order = async (body: unknown) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${shop.url}/orders/4217`, { method: "POST", headers, body: JSON.stringify(body) });
    return [response.status, await response.json()];
  };
  const sent = [201, { id: "mail_1", subject: "Your order 4217" }];
  expect(await order({ to: "nobody" })).toMatchObject([400, { code: "invalid_payload" }]);
  expect(await order({ to: "ada@example.com" })).toEqual(sent);
  // The same order once more is the same receipt.
  expect(await order({ to: "ada@example.com" })).toEqual(sent);
  expect(await order({ to: "bob@example.com" })).toMatchObject([409, { code: "idempotency_conflict" }]);
  const receipt = await fetch(`${shop.url}/orders/mail_1`);
  expect(await receipt.json()).toMatchObject({ id: "mail_1", status: "completed", label: "Receipt of order 4217" });
  expect((await fetch(`${shop.url}/orders/mail_2`)).status).toBe(404);
  // The binding's props end at its domains.
  expect(await (await fetch(`${shop.url}/orders/other_1`)).json()).toMatchObject({ code: "task_not_found" });
  await shop.stop();
});
