// A photo through three domains: uploaded, checked, made smaller, announced by a signed webhook; then everything is checked.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import type { Task } from "../../src/domains/task.ts";
import { freePort, LOCAL_WEBHOOK_SECRET, startDev } from "../dev.mjs";
import { Bars } from "./bars.ts";
import { type Check, checkOriginal, checkThumbnail, checkWebhook, type Thumbnail } from "./checks.ts";
import { MillHttp } from "./mill.ts";
import { HEIGHT, makePicture, WIDTH } from "./picture.ts";
import { type Receiver, startReceiver } from "./receiver.ts";

const WIDTHS = [320, 640, 1_280];
const LIMIT_MS = 90_000;

/** A mill of the demo's own, on a free port and with a temporary folder; both are gone afterwards. */
async function ownMill(): Promise<{ url: string } & AsyncDisposable> {
  console.log("Starting a mill of its own (MILLRACE_URL=http://localhost:8787 would take yours) …");
  const folder = mkdtempSync(join(tmpdir(), "millrace-demo-"));
  const clean = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.once("exit", clean);
  const mill = await startDev({ port: (await freePort(0))!, persistTo: folder });
  return {
    url: mill.url,
    [Symbol.asyncDispose]: async () => {
      await mill.stop();
      clean();
    },
  };
}

/** Runs the three steps, each watched until it has ended. */
async function pipeline(mill: MillHttp, picture: Uint8Array<ArrayBuffer>, receiver: Receiver): Promise<Task[]> {
  const upload = `demo-${randomBytes(6).toString("hex")}.jpg`;
  await mill.upload(upload, picture, "image/jpeg");
  console.log(`Uploaded ${upload}: ${WIDTH} × ${HEIGHT}, ${picture.length} bytes.\n`);
  using bars = new Bars();
  const deadline = performance.now() + LIMIT_MS;
  const tasks: Task[] = [];
  const step = async (id: unknown) => {
    if (typeof id !== "string") throw new TypeError(`No next task was submitted by ${tasks.at(-1)?.id}.`);
    const task = await mill.follow(id, deadline, bars.show);
    if (task.status !== "completed")
      throw new Error(`${task.id} (${task.domain}.${task.type}) ended ${task.status}: ${task.error?.message ?? "no error"}`);
    tasks.push(task);
    return task.result as Record<string, unknown>;
  };
  const fetched = await step(await mill.submit("ingest", "fetch", { upload, resize: { widths: WIDTHS, notify: receiver.url } }));
  const resized = await step(fetched.resize);
  await step(resized.delivery);
  return tasks;
}

async function check(mill: MillHttp, picture: Uint8Array, receiver: Receiver, tasks: readonly Task[]): Promise<Check[]> {
  const [original, resized] = tasks.map((task) => task.result) as unknown as [
    { object: string; sha256: string },
    { thumbnails: Thumbnail[] },
  ];
  const thumbnails = await Promise.all(
    WIDTHS.map(async (width): Promise<Check> => {
      const thumbnail = resized.thumbnails.find((one) => one.width === width);
      if (!thumbnail) return { what: `thumbnail ${width}`, seen: "none", wrong: "it was not made" };
      return checkThumbnail(thumbnail, await mill.download(thumbnail.object), width);
    }),
  );
  const webhook = await checkWebhook(receiver.requests, resized.thumbnails, process.env.WEBHOOK_SECRET ?? LOCAL_WEBHOOK_SECRET);
  return [checkOriginal(picture, await mill.download(original.object), original.sha256), ...thumbnails, webhook];
}

function summary(tasks: readonly Task[], checks: readonly Check[]): void {
  const style = { head: [], border: [] };
  const ran = new Table({ head: ["task", "type", "status", "attempts", "waited", "took"], style });
  for (const task of tasks)
    ran.push([task.id, `${task.domain}.${task.type}`, task.status, task.attempt, `${task.waitMs} ms`, `${task.durationMs ?? 0} ms`]);
  const looked = new Table({ head: ["check", "seen", ""], style });
  for (const { what, seen, wrong } of checks) looked.push([what, seen, wrong === undefined ? "ok" : `WRONG: ${wrong}`]);
  console.log(`\n${ran.toString()}\n${looked.toString()}`);
}

async function demo(): Promise<number> {
  const given = process.env.MILLRACE_URL;
  await using own = given === undefined ? await ownMill() : undefined;
  await using receiver = await startReceiver();
  const mill = new MillHttp(own?.url ?? given!, process.env.MILLRACE_TOKEN);
  const picture = new Uint8Array(makePicture());
  const tasks = await pipeline(mill, picture, receiver);
  const checks = await check(mill, picture, receiver, tasks);
  summary(tasks, checks);
  const wrong = checks.filter((one) => one.wrong !== undefined).length;
  console.log(wrong === 0 ? "\nEverything is as it should be." : `\n${wrong} of ${checks.length} checks failed.`);
  return wrong === 0 ? 0 : 1;
}

// The exit hooks end the mill and remove its folder.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await demo().catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
