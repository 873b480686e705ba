import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../e2e/mill.ts";
import { TOKENS } from "./setup.ts";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("/docs is Scalar from the mill itself, for whoever has a token, and no other host is asked; without that file it is a list", async () => {
  const { page } = await open("", null, "/docs");
  await page.getByLabel("Token").fill(TOKENS.viewer);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("Submit a task", { exact: false }).first().waitFor({ state: "attached" });
  // Where the registry could not be reached when the page was built, the suite has said so.
  const isBuilt = existsSync(join(ROOT, "dist", "assets", "docs", "scalar.js"));
  expect(await page.evaluate(() => "Scalar" in globalThis)).toBe(isBuilt);
  if (isBuilt) await page.getByRole("heading", { name: "Submit a task" }).first().waitFor();
});
