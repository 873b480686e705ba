import { expect, inject, test } from "vitest";
import { api, deliver, poll, reach } from "./api.ts";
import { TOKENS } from "./setup.ts";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("failures are grouped by what their errors have in common, and a group is retried", async () => {
  const ids = await Promise.all([7001, 7002, 7003].map((order) => deliver(`missing/order-${order}`)));
  for (const id of ids) await reach(id, "failed");
  const visit = await open("#/failures");
  const { page } = visit;
  const group = page.getByRole("listitem").filter({ hasText: "order-{n}" });
  await group.getByRole("link", { name: "3", exact: true }).waitFor();
  await visit.look("failures");
  await group.getByRole("button", { name: "Retry all 3" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Retry 3 tasks" }).click();
  await page.getByText("3 of 3 reopened").waitFor();
  for (const id of ids) await poll(`${id} to run twice`, async () => ((await api(`tasks/${id}`)).executions === 2 ? true : undefined));
});

test("a schedule is told in words; it is triggered, paused, resumed and deleted", async () => {
  const { id } = await api("domains/http/schedules", "POST", {
    name: "weekly-report",
    type: "deliver",
    payload: { url: `${inject("partner")}/ok/report`, body: null },
    cron: "30 2 * * 1",
    timezone: "Europe/Berlin",
  });
  const visit = await open("#/schedules");
  const { page } = visit;
  const card = page.getByRole("region", { name: "Schedule weekly-report" });
  await card.getByText("At 02:30, only on Monday").waitFor();
  await card.getByText("Europe/Berlin").waitFor();
  await card.getByRole("button", { name: "Trigger now" }).click();
  await card.getByRole("group", { name: "Recent firings" }).getByRole("link", { name: "completed" }).waitFor();
  await visit.look("schedules");
  await card.getByRole("button", { name: "Pause" }).click();
  await card.getByText("paused", { exact: true }).waitFor();
  expect((await api(`schedules/${id}`)).paused).toBe(true);
  await card.getByRole("button", { name: "Resume" }).click();
  await card.getByRole("button", { name: "Pause" }).waitFor();
  expect((await api(`schedules/${id}`)).paused).toBe(false);
  await card.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete the schedule" }).click();
  await card.waitFor({ state: "detached" });
  await expect(api(`schedules/${id}`)).rejects.toThrow("schedule_not_found");
});

test("a task is submitted by a form made from the schema, with JSON beside it and errors at their fields", async () => {
  const visit = await open("#/submit?type=http.deliver");
  const { page } = visit;
  await page.getByLabel("url").fill("no address");
  await page.getByRole("button", { name: "Submit http.deliver" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.locator("#field-url:focus").waitFor();
  await visit.look("submit");
  const raw = page.getByRole("textbox", { name: "Payload as JSON" });
  await raw.fill(JSON.stringify({ url: `${inject("partner")}/ok/form`, body: { amount: 1 } }));
  expect(await page.getByLabel("url").inputValue()).toMatch(/\/ok\/form$/);
  await page.getByRole("textbox", { name: "priority" }).fill("urgent");
  await page.getByRole("button", { name: "Submit http.deliver" }).click();
  await page.getByText("not a priority").waitFor();
  await page.getByRole("textbox", { name: "priority" }).fill("high");
  await page.getByRole("textbox", { name: "tags" }).fill("order=4218");
  await page.getByRole("button", { name: "Submit http.deliver" }).click();
  await page.waitForURL(/#\/tasks\/http_\d+/);
  const task = await reach(page.url().split("/").at(-1)!, "completed");
  expect(task).toMatchObject({ priority: 64, tags: { order: "4218" }, payload: { body: { amount: 1 } } });
});

test("caps, weights and rates are changed live; a domain and a group are paused; who did it is told", async () => {
  await deliver("ok/group", { group: "acme" });
  await api("groups/acme", "PATCH", { weight: 2 });
  const visit = await open("#/domains");
  const { page } = visit;
  await page.getByLabel("cap of media").fill("3");
  await page.getByRole("button", { name: "Save cap of media" }).click();
  await page.getByText("At most 3 of media run at once.").waitFor();
  expect((await api("domains/media")).maxConcurrency).toBe(3);
  await page.getByLabel("weight of acme").fill("5");
  await page.getByRole("button", { name: "Save weight of acme" }).click();
  await page.getByLabel("rate of acme").fill("20 per 1s");
  await page.getByRole("button", { name: "Save rate of acme" }).click();
  const acme = await poll("the group", async () => {
    const { items } = await api<{ items: any[] }>("groups");
    return items.find(({ name, rate, weight }) => name === "acme" && rate !== null && weight === 5);
  });
  expect(acme.rate).toMatchObject({ permits: 20, perMs: 1_000 });
  await page.getByRole("button", { name: "Pause media" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause media" }).click();
  await page.getByRole("button", { name: "Resume media" }).waitFor();
  expect((await api("domains/media")).pausedBy).toContain("domain");
  await visit.look("domains");
  await page.getByRole("button", { name: "Resume media" }).click();
  await page.getByRole("button", { name: "Pause media" }).waitFor();
  await page.getByRole("region", { name: "Changed by hand" }).getByText("ops").first().waitFor();
});

test("a domain shows its hour, types, events as they happen, and cost", async () => {
  const visit = await open("#/domains/http");
  const { page } = visit;
  await page.getByRole("region", { name: "The last hour" }).getByRole("img").waitFor();
  await page.getByRole("button", { name: "live" }).waitFor();
  await deliver("ok/event", { label: "Something happens" });
  await page.getByRole("region", { name: "Events" }).getByRole("link", { name: "Something happens" }).first().waitFor();
  await page.getByLabel("rate limit of deliver").fill("50 per 1s");
  await page.getByRole("button", { name: "Save rate limit of deliver" }).click();
  await page.getByText("The rate of http.deliver is changed.").waitFor();
  expect((await api("domains/http")).rates.deliver).toMatchObject({ permits: 50, perMs: 1_000 });
  await page.getByRole("region", { name: "Types" }).getByText("10 retries, exponential").waitFor();
  await visit.look("domain");
});

test("keys lead through the views; ? lists them; viewers get no buttons", async () => {
  const visit = await open("#/", TOKENS.viewer);
  const { page } = visit;
  await page.getByRole("heading", { name: "Domains" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByRole("combobox", { name: "Search tasks" }).waitFor();
  await page.getByRole("table", { name: "Tasks" }).getByRole("row").nth(1).waitFor();
  expect(await page.getByRole("checkbox").count()).toBe(0);
  expect(await page.title()).toBe("Tasks · Millrace");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("Failures").waitFor();
  await visit.look("keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.getByRole("region", { name: "Domain http" }).waitFor();
  for (const name of ["Pause", "Drain", "Save"]) expect(await page.getByRole("button", { name }).count(), name).toBe(0);
  await visit.go("#/nowhere");
  await page.getByText("There is no such page").waitFor();
});

test("a token for one domain sees that one, and no error", async () => {
  const { page } = await open("#/", TOKENS.media);
  await page.getByRole("rowheader", { name: "media" }).waitFor();
  expect(await page.getByRole("rowheader").count()).toBe(1);
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(await page.getByRole("button", { name: "Pause the mill" }).count()).toBe(0);
});
