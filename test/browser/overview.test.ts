import { expect, inject, test } from "vitest";
import { api, deliver, poll, reach } from "./api.ts";
import { TOKENS } from "./setup.ts";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("the page is served at / under a strict policy, and asks for a token", async () => {
  const response = await fetch(`${inject("mill")}/`);
  expect(response.headers.get("content-security-policy")).toMatch(
    /default-src 'self'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'/,
  );
  const html = await response.text();
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=/);
  const visit = await open("#/", null);
  const { page } = visit;
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("none of the mill's").waitFor();
  await visit.look("sign-in");
  await page.getByLabel("Token").fill(TOKENS.viewer);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Domains" }).waitFor();
  expect(await page.getByRole("button", { name: "Pause the mill" }).count(), "a viewer sees no buttons that it may not use").toBe(0);
});

test("the overview shows each domain, what fails now, and retries it", async () => {
  const failed = await deliver("missing/shop", { label: "Tell the shop" });
  await reach(failed, "failed");
  const visit = await open("#/");
  const { page } = visit;
  for (const domain of ["http", "ingest", "media"]) await page.getByRole("rowheader", { name: domain }).waitFor();
  const { executions } = await api(`tasks/${failed}`);
  await page.getByRole("button", { name: `Retry ${failed}` }).click();
  await page.getByText(`${failed} runs again`).waitFor();
  await poll("the retry", async () => ((await api(`tasks/${failed}`)).executions > executions ? true : undefined));
  await visit.look("overview");
});

test("the mill's switch asks first, then pauses and resumes", async () => {
  const { page } = await open("#/");
  await page.getByRole("button", { name: "Pause the mill" }).click();
  await page.getByRole("button", { name: "Keep as it is" }).click();
  expect((await api("snapshot")).paused).toBe(false);
  await page.getByRole("button", { name: "Pause the mill" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause the mill" }).click();
  await page.getByRole("button", { name: "Resume the mill" }).waitFor();
  expect((await api("snapshot")).paused).toBe(true);
  await page.getByRole("button", { name: "Resume the mill" }).click();
  await page.getByRole("button", { name: "Pause the mill" }).waitFor();
  expect((await api("snapshot")).paused).toBe(false);
});

test("under a host's prefix it asks the mill beside itself: lists, actions, events over a WebSocket, files of its own", async () => {
  const response = await fetch(`${inject("mill")}/queue/`);
  expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  const { page } = await open("#/tasks?q=tag%3Aprefix%3Dyes", TOKENS.admin, "/queue/");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.getByRole("heading", { name: "No task is like that" }).waitFor();
  await page.getByRole("button", { name: "live", exact: true }).waitFor();
  const id = await deliver("ok/prefix", { label: "Under a prefix", delay: "10h", tags: { prefix: "yes" } });
  await page.getByRole("link", { name: "Under a prefix" }).click();
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("region", { name: "Result" }).waitFor();
  expect((await api(`tasks/${id}`)).status).toBe("completed");
  expect(asked.filter((path) => !path.startsWith("/queue/"))).toEqual([]);
});
