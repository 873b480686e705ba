import { expect, inject, test } from "vitest";
import { api, deliver, poll, reach, release } from "./api.ts";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("a held task says why in words; its graph, over domains, leads from task to task and changes colour", async () => {
  const first = await deliver("hold/graph", { label: "First of two" });
  const { id: second } = await api("domains/ingest/tasks", "POST", {
    type: "fetch",
    payload: { upload: "nothing.jpg" },
    label: "Second of two",
    dependsOn: [first],
    onDependencyFailure: "ignore",
    retry: { kind: "constant", attempts: 0, initial: "1s" },
  });
  const visit = await open(`#/tasks/${second}`);
  const { page } = visit;
  await page.getByRole("heading", { name: "Second of two" }).waitFor();
  await page.getByText(`It waits for 1 task that it depends on: ${first}`).waitFor();
  const graph = page.getByRole("group", { name: "Graph of tasks" });
  await graph.locator(".is-running").waitFor();
  await visit.look("task-blocked");
  await graph.getByRole("link", { name: "First of two" }).click();
  await page.getByRole("heading", { name: "First of two" }).waitFor();
  await release("graph");
  await graph.locator(".is-current.is-completed").waitFor();
  await page.getByRole("region", { name: "Result" }).getByText('"released"').waitFor();
});

test("a failed task shows its error first, and is retried with an edited payload", async () => {
  const id = await deliver("missing/parcel", { label: "Wrong address", tags: { order: "4217" } });
  await reach(id, "failed");
  const visit = await open(`#/tasks/${id}`);
  const { page } = visit;
  await page.getByRole("region", { name: "Error" }).getByText("answered 404").first().waitFor();
  const attempt = page.getByRole("region", { name: "Failed attempts" }).getByRole("listitem").filter({ hasText: "#1" });
  await attempt.getByText(/^ran \d/).waitFor();
  await page.getByRole("link", { name: "order=4217" }).waitFor();
  await visit.look("task-failed");
  await page.getByRole("button", { name: "Edit and retry" }).click();
  const field = page.getByRole("textbox", { name: "Payload" });
  const payload = await field.inputValue();
  await field.fill('{"url": 3}');
  await page.getByRole("button", { name: "Retry with this payload" }).click();
  await page.getByRole("dialog").getByText("body").first().waitFor();
  await field.fill(payload.replace("missing", "ok"));
  await page.getByRole("button", { name: "Retry with this payload" }).click();
  const task = await reach(id, "completed");
  expect(task.payload.url).toMatch(/\/ok\/parcel$/);
  await page.getByText("completed").first().waitFor();
});

test("cancel, run now and backfill do what they say", async () => {
  const visit = await open(`#/tasks/${await deliver("ok/later", { label: "Much later", delay: "10h" })}`);
  const { page } = visit;
  const current = () => page.url().split("/").at(-1)!;
  await page
    .getByText("The delay")
    .or(page.getByText("scheduled", { exact: true }))
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Run now" }).click();
  await reach(current(), "completed");
  const { executions } = await api(`tasks/${current()}`);
  await page.getByRole("button", { name: "Backfill" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Backfill" }).click();
  await poll("the second run", async () => ((await api(`tasks/${current()}`)).executions > executions ? true : undefined));
  await visit.go(`#/tasks/${await deliver("ok/never", { delay: "10h", label: "Never" })}`);
  await page.getByRole("heading", { name: "Never" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Cancel the task" }).click();
  await page.getByText("cancelled", { exact: true }).first().waitFor();
  expect((await api(`tasks/${current()}`)).status).toBe("cancelled");
});

test("progress is seen as it is made", async () => {
  const { id } = await api("domains/ingest/tasks", "POST", {
    type: "fetch",
    payload: { url: `${inject("partner")}/drip/picture` },
    key: null,
  });
  const visit = await open(`#/tasks/${id}`);
  const { page } = visit;
  const bar = page.getByRole("progressbar", { name: "Progress" });
  await bar.waitFor();
  expect(await bar.getAttribute("aria-valuenow")).toBe("50");
  await page.getByText("512.0 KB of 1.0 MB").waitFor();
  await visit.look("task-running");
  await release("picture");
  await page.getByText("This is no JPEG, PNG or WebP").first().waitFor();
  await bar.waitFor({ state: "detached" });
});

test("an unknown task is a message, not a broken page", async () => {
  const { page } = await open("#/tasks/http_999999");
  await page.getByRole("alert").getByText("task not found").waitFor();
});
