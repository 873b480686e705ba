import { expect, test } from "vitest";
import { api, deliver, poll, reach, release } from "./api.ts";
import { useBrowser } from "./visit.ts";

const { open } = useBrowser();

test("a task moves through its states without a reload", async () => {
  const { page } = await open("#/tasks?q=tag%3Amoves%3Dyes");
  await page.getByRole("heading", { name: "No task is like that" }).waitFor();
  const id = await deliver("hold/moves", { label: "A task that moves", tags: { moves: "yes" } });
  const row = page.getByRole("row").filter({ hasText: "A task that moves" });
  await row.getByText("running").waitFor();
  await release("moves");
  await row.getByText("completed").waitFor();
  expect((await api(`tasks/${id}`)).status).toBe("completed");
});

test("without a connection the page asks in turns; held still it asks nothing", async () => {
  const { page } = await open("#/tasks?q=tag%3Aturns%3Dyes");
  await page.routeWebSocket(/v1\/events/, (socket) => socket.close());
  await page.clock.install();
  await page.reload();
  await page.getByRole("heading", { name: "No task is like that" }).waitFor();
  await page.getByRole("button", { name: "polling" }).waitFor();
  await deliver("ok/turns", { label: "First turn", tags: { turns: "yes" } });
  await page.getByRole("link", { name: "First turn" }).waitFor();
  await page.getByRole("button", { name: "polling" }).click();
  await page.getByRole("button", { name: "paused" }).waitFor();
  let asked = 0;
  page.on("request", () => (asked += 1));
  await reach(await deliver("ok/turns", { label: "Second turn", tags: { turns: "yes" } }), "completed");
  await page.clock.fastForward(60_000);
  expect(asked).toBe(0);
  await page.getByRole("button", { name: "paused" }).click();
  await page.getByRole("link", { name: "Second turn" }).waitFor();
});

test("what is answered slowly while much happens is shown all the same; a mill that comes back is live again", async () => {
  const { page } = await open("#/nowhere");
  await page.clock.install();
  let up = true;
  let close = () => {};
  await page.routeWebSocket(/v1\/events/, (socket) => {
    const event = { seq: 1, at: new Date().toISOString(), event: "task.progress", domain: "http", task: "http_1" };
    const timer = setInterval(() => socket.send(JSON.stringify(event)), 200);
    close = () => {
      clearInterval(timer);
      void socket.close();
    };
    if (!up) close();
  });
  await page.route(/v1\//, async (route) => {
    if (!up) return route.abort();
    // Longer than a question waits after an event.
    if (route.request().url().endsWith("/domains")) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return route.continue();
  });
  await page.reload();
  await page.getByRole("navigation").getByRole("link", { name: "Overview" }).click();
  await page.getByRole("rowheader", { name: "http" }).waitFor();
  up = false;
  close();
  await page.getByRole("button", { name: "no answer" }).waitFor();
  up = true;
  await page.clock.fastForward(5_000);
  await page.getByRole("button", { name: "live", exact: true }).waitFor();
  await page.getByRole("alert").waitFor({ state: "detached" });
  close();
  await page.unrouteAll({ behavior: "ignoreErrors" });
});

test("the search completes tokens, keeps its state in the address, and filters by status", async () => {
  await reach(await deliver("missing/search", { label: "Lost parcel" }), "failed");
  const visit = await open("#/tasks");
  const { page } = visit;
  await page.keyboard.press("/");
  const box = page.getByRole("combobox", { name: "Search tasks" });
  await box.pressSequentially("sta");
  await page.getByRole("option", { name: "status:" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await box.pressSequentially("fai");
  await page.getByRole("option", { name: "status:failed" }).click();
  await box.pressSequentially("parcel");
  await page.waitForURL(/q=status%3Afailed\+parcel/);
  await page.getByRole("link", { name: "Lost parcel" }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: "Lost parcel" }).waitFor();
  expect(await box.inputValue()).toBe("status:failed parcel");
  const failed = page.getByRole("group", { name: "Status" }).getByRole("button", { name: "failed" });
  await failed.click();
  await page.waitForURL(/q=parcel$/);
  await page.goBack();
  await page.getByRole("button", { name: "failed", pressed: true }).waitFor();
  expect(await box.inputValue()).toBe("status:failed parcel");
  await visit.look("tasks");
  await box.fill("");
  await box.pressSequentially("tag:http.h");
  await page.getByRole("option", { name: "tag:http.host=" }).click();
  await page.getByRole("option", { name: "tag:http.host=127.0.0.1" }).first().click();
  await page.waitForURL(/q=tag%3Ahttp\.host%3D127/);
});

test("ten thousand tasks are a few rows in the page: loaded as it is scrolled, the last one reached, any place shown at once", async () => {
  const many = 10_000;
  const tasks = Array.from({ length: many }, (_, at) => ({
    payload: { url: "http://127.0.0.1:1/", body: at },
    label: `Many ${at}`,
    key: null,
  }));
  await api("domains/http/tasks/batch", "POST", { defaults: { type: "deliver", delay: "30d", tags: { many: "yes" } }, tasks });
  const { page } = await open("#/tasks?q=tag%3Amany%3Dyes");
  const table = page.getByRole("table", { name: "Tasks" }).getByRole("rowgroup", { name: "Tasks" });
  await table.getByText(`Many ${many - 1}`, { exact: true }).waitFor();
  // In the page, frame by frame: a round trip of the test for each would be most of the time.
  const reached = await table.evaluate(async (box, height) => {
    let most = 0;
    for (let frames = 0; box.scrollHeight < height && frames < 3_000; frames += 1) {
      box.scrollTo(0, box.scrollHeight);
      await new Promise(requestAnimationFrame);
      most = Math.max(most, box.querySelectorAll("[role=row]").length);
    }
    box.scrollTo(0, box.scrollHeight);
    return { height: box.scrollHeight, most };
  }, many * 44);
  expect(reached.height).toBe(many * 44);
  await table.getByText("Many 0", { exact: true }).waitFor();
  const places = [5_000, 40, 9_900, 2_500, 7_777, 0];
  const jumps = await table.evaluate(async (box, places) => {
    const found: { frames: number; rows: number }[] = [];
    for (const place of places) {
      box.scrollTo(0, place * 44);
      const isThere = () => box.querySelector(`[aria-rowindex="${place + 2}"]`) !== null;
      let frames = 0;
      for (; !isThere() && frames < 100; frames += 1) await new Promise(requestAnimationFrame);
      found.push({ frames, rows: box.querySelectorAll("[role=row]").length });
    }
    return found;
  }, places);
  for (const { frames, rows } of [...jumps, { frames: 0, rows: reached.most }]) {
    expect(frames).toBeLessThan(5);
    expect(rows).toBeLessThan(60);
  }
  await table.getByText(`Many ${many - 1}`, { exact: true }).waitFor();
});

test("chosen tasks are cancelled after a question that says how many", async () => {
  const ids = await Promise.all(
    [1, 2, 3].map((at) => deliver("ok/chosen", { label: `Chosen ${at}`, tags: { chosen: "yes" }, delay: "1h" })),
  );
  const { page } = await open("#/tasks?q=tag%3Achosen%3Dyes");
  for (const id of ids.slice(0, 2)) await page.getByRole("checkbox", { name: `Choose ${id}`, exact: true }).click();
  await page.getByRole("toolbar").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel 2 tasks" }).click();
  await page.getByText("2 of 2 cancelled").waitFor();
  const statuses = await Promise.all(ids.map(async (id) => (await api(`tasks/${id}`)).status));
  expect(statuses).toEqual(["cancelled", "cancelled", "scheduled"]);
  await page.getByRole("checkbox", { name: `Choose ${ids[2]}`, exact: true }).click();
  await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
  await page.getByText("None of them can be deleted").waitFor();
  await page.getByRole("toolbar").getByRole("button", { name: "Choose none" }).click();
  await page.getByRole("checkbox", { name: `Choose ${ids[0]}`, exact: true }).click();
  await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete 1 task" }).click();
  await page.getByText("0 of 1 deleted · 1 refused").waitFor();
});

test("a bulk job acts on all that match, after a question with their number; what it may not touch is told", async () => {
  const ids = await Promise.all([1, 2, 3].map((at) => deliver(`missing/${at}`, { label: `Lost ${at}`, tags: { bulk: "yes" } })));
  for (const id of ids) await reach(id, "failed");
  const { page } = await open("#/tasks?q=domain%3Ahttp+status%3Afailed+tag%3Abulk%3Dyes");
  const bar = page.getByRole("toolbar");
  const chooseAll = async () => {
    await page.getByRole("checkbox", { name: `Choose ${ids[0]}`, exact: true }).click();
    await page.getByRole("button", { name: "choose all 3 that match" }).click();
  };
  await chooseAll();
  await bar.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Retry 3 tasks" }).click();
  await page.getByText("3 of 3 reopened").waitFor();
  for (const id of ids) await poll(`${id} to run twice`, async () => ((await api(`tasks/${id}`)).executions === 2 ? true : undefined));
  for (const id of ids) await reach(id, "failed");
  await chooseAll();
  await bar.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete 3 tasks" }).click();
  // Somebody may still wait for what ended just now.
  await page.getByText("0 of 3 deleted · 3 refused · It ended less than a minute ago").waitFor();
  expect((await api(`tasks/${ids[0]}`)).status).toBe("failed");
});
