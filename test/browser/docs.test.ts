import { expect, test } from "vitest";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("/docs is Scalar from the mill itself, for whoever has a token: every operation, and no other host is asked", async () => {
  const { page } = await open("", null, "/docs");
  await page.getByLabel("Token").fill("the-viewer");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("heading", { name: "Submit a task" }).first().waitFor();
  expect(await page.evaluate(() => "Scalar" in globalThis)).toBe(true);
});
