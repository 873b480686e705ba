import {
  createMill,
  defineDomain,
  type DomainHandle,
  type ExecutionHandle,
  type Json,
  type Page,
  ref,
  type Submitted,
  type Task,
  type TaskType,
} from "millrace";
import { createClient } from "millrace/client";
import { runTask, waitForTask } from "millrace/testing";
import { z } from "zod";
import { media } from "./define.ts";
import { type Equal, expectType } from "./expect.ts";

const ingest = defineDomain("ingest").task("poll", { payload: z.object({}), execute: async () => ({ found: 3 }) });
const elsewhere = defineDomain("elsewhere").task("poll", { payload: z.object({}), execute: () => 1 });

const mill = createMill({
  domains: [ingest, media],
  maxConcurrency: 16,
  crons: {
    "*/5 * * * *": (tick) => {
      // @ts-expect-error Not of this mill.
      tick.domain(elsewhere);
      // @ts-expect-error Wrong payload.
      void tick.domain(ingest).submit("poll", 7);
      return tick.domain(ingest).submit("poll", {});
    },
  },
});
export default mill;

type IngestTypes = { poll: TaskType<Record<string, never>, Record<string, never>, { found: number }> };

export async function inTheWorker(): Promise<void> {
  const ingestQ = mill.domain(ingest);
  // What a hover over a handle shows.
  expectType<Equal<typeof ingestQ, DomainHandle<"ingest", IngestTypes>>>();

  const mediaQ = mill.domain(media);
  const submitted = await mediaQ.submit(
    "resize",
    { object: "cat" },
    { priority: "high", delay: "30s", tags: { job: "7" }, key: null, idempotencyKey: "x" },
  );
  expectType<Equal<typeof submitted, Submitted<"media", "resize">>>();
  const result = await mediaQ.task(submitted).result({ timeout: "30s" });
  expectType<Equal<typeof result, { object: string; bytes: number }>>();
  const record = await mediaQ.task("probe", "media_1").get();
  expectType<Equal<typeof record.result, { width: number; height: number; taken: string; note?: string } | null>>();
  expectType<Equal<typeof record.payload, { object: string; depth?: number | undefined }>>();
  const both = await mediaQ.submitAll([
    { type: "resize", payload: { object: "a" }, priority: 3 },
    { type: "purge", payload: { prefix: "b" } },
  ]);
  expectType<Equal<(typeof both)[0], Submitted<"media", "resize">>>();
  expectType<Equal<(typeof both)[1], Submitted<"media", "purge">>>();
  const many = await mediaQ.submitAll(["a", "b"].map((object) => ({ type: "resize" as const, payload: { object } })));
  expectType<Equal<(typeof many)[number], Submitted<"media", "resize">>>();
  for await (const failed of mediaQ.list({ status: "failed" })) expectType<Equal<typeof failed, Task>>();
  for await (const { domain } of mill.list({ q: "cat" })) expectType<Equal<typeof domain, string>>();
  expectType<Equal<ReturnType<typeof mediaQ.with>, typeof mediaQ>>();
  const page = await mediaQ.list({ type: "resize", status: ["failed", "dead_letter"] });
  expectType<Equal<typeof page, Page<Task>>>();
  expectType<Equal<(typeof page)["items"][number]["payload"], Json>>();
  await mediaQ.schedule({ name: "hourly", type: "purge", payload: { prefix: "tmp/" }, every: "1h" });
  await mediaQ.schedule("media_s1").pause();
  await mediaQ
    .schedule("media_s1")
    .update({ type: "purge", payload: { prefix: "tmp/" }, cron: "0 3 * * *", overlap: "queue", maxRuns: null });
  const standing = mill.domain(ref<typeof media>("media"));
  expectType<Equal<typeof standing, typeof mediaQ>>();
  await waitForTask(mediaQ.task(submitted), "completed", { timeout: "5s" });

  // @ts-expect-error Wrong domain: not of this mill.
  mill.domain(elsewhere);
  // @ts-expect-error Wrong type.
  await mediaQ.submit("rotate", { object: "cat" });
  // @ts-expect-error A type of another domain.
  await mediaQ.submit("poll", {});
  // @ts-expect-error Wrong payload.
  await mediaQ.submit("resize", { object: 7 });
  // @ts-expect-error Missing payload.
  await mediaQ.submit("resize");
  // @ts-expect-error One member too many.
  await mediaQ.submit("resize", { object: "cat", height: 3 });
  // @ts-expect-error Wrong use of a result.
  result.bytes.toUpperCase();
  // @ts-expect-error No such member in the result.
  void result.width;
  // @ts-expect-error A task of another domain.
  mediaQ.task(await ingestQ.submit("poll", {}));
  // @ts-expect-error A type that the domain does not have.
  mediaQ.task("poll", "media_1");
  await mediaQ.submit("resize", { object: "cat" }, { dependsOn: ["media_1"], onDependencyFailure: "fail" });
  // @ts-expect-error No such policy.
  await mediaQ.submit("resize", { object: "cat" }, { onDependencyFailure: "maybe" });
  const again = await mediaQ.submit("resize", { object: "cat" }, { onDuplicate: "supersede" });
  if (again.outcome === "superseded") again.replacedId.toUpperCase();
  await mediaQ.submit("resize", { object: "cat" }, { onDuplicate: { debounce: "5s", maxWait: "1m" } });
  // @ts-expect-error No such strategy.
  await mediaQ.submit("resize", { object: "cat" }, { onDuplicate: "replace" });
  // @ts-expect-error No such priority.
  await mediaQ.submit("resize", { object: "cat" }, { priority: "urgent" });
  // @ts-expect-error Wrong payload in a batch.
  await mediaQ.submitAll([{ type: "resize", payload: { prefix: "x" } }]);
  // @ts-expect-error No such status.
  await mediaQ.list({ status: "done" });
  // @ts-expect-error No such type in a query.
  await mediaQ.count({ type: "poll" });
  // @ts-expect-error Not the retried task's payload.
  await mediaQ.task(submitted).retry({ payload: { prefix: "x" } });
  // @ts-expect-error A wrong payload in a schedule.
  await mediaQ.schedule({ type: "purge", payload: { object: "x" }, every: "1h" });
  // @ts-expect-error No type takes such a payload.
  await mediaQ.schedule("media_s1").update({ payload: { nothing: true } });
  // @ts-expect-error Not both.
  await mediaQ.schedule("media_s1").update({ every: "1h", cron: "* * * * *" });
  // @ts-expect-error A ref says the name that its definition has.
  ref<typeof media>("ingest");
}

declare const binding: Fetcher;

export async function overHttp(): Promise<void> {
  const client = createClient<typeof mill>({ url: "https://jobs.example.com", token: "t" });
  const mediaQ = client.domain("media");
  const here = mill.domain(media);
  expectType<Equal<typeof mediaQ, typeof here>>();
  const { bytes } = await mediaQ.task(await mediaQ.submit("resize", { object: "cat" })).result();
  expectType<Equal<typeof bytes, number>>();
  // From another Worker: the binding says who asks.
  const bound = createClient<typeof mill>({ service: binding });
  expectType<Equal<typeof bound, typeof client>>();
  const patient = bound.with({ signal: AbortSignal.timeout(5_000) }).domain("media");
  expectType<Equal<typeof patient, typeof here>>();
  // @ts-expect-error A binding has no token.
  createClient({ service: binding, token: "t" });
  // @ts-expect-error Nowhere to ask.
  createClient({ token: "t" });
  // @ts-expect-error Not a domain of the mill.
  client.domain("elsewhere");
  // @ts-expect-error Wrong payload.
  await mediaQ.submit("resize", {});
  // Without a type every name and any JSON will do.
  const untyped = createClient({ url: "https://jobs.example.com" });
  await untyped.domain("any").submit("thing", { any: ["json"] });
}

export async function inATest(): Promise<void> {
  const { result, submitted } = await runTask(media, "resize", { object: "cat" }, { env: {} });
  expectType<Equal<typeof result, { object: string; bytes: number }>>();
  expectType<Equal<(typeof submitted)[number]["domain"], string>>();
  // @ts-expect-error Wrong type.
  await runTask(media, "rotate", { object: "cat" });
  // @ts-expect-error Wrong payload.
  await runTask(media, "resize", { object: 1 });
}

// @ts-expect-error A ref is not a definition: something must run the tasks.
createMill({ domains: [ref<typeof media>("media")] });
// @ts-expect-error A later issue's option.
createMill({ domains: [ingest], shards: 4 });
createMill({ domains: [ingest], preemptAt: "high" });
// @ts-expect-error No priority.
createMill({ domains: [ingest], preemptAt: "soon" });

// A domain that asks for an app state gets it from the mill, or does not compile.
const needy = defineDomain<{ db: { query(sql: string): number } }>()("needy", { state: () => 1 }).task("t", {
  payload: z.null(),
  execute: (_payload, ctx) => {
    expectType<Equal<typeof ctx.state, number>>();
    return ctx.app.db.query("select 1");
  },
});
const needier = defineDomain<{ mail: string }>()("needier").task("t", { payload: z.null(), execute: (_payload, ctx) => ctx.app.mail });
createMill({ domains: [needy, needier, ingest], app: (env: { DB: number }) => ({ db: { query: () => env.DB }, mail: "m" }) });
// @ts-expect-error The app state is missing.
createMill({ domains: [needy] });
// @ts-expect-error A part of it is.
createMill({ domains: [needy, needier], app: () => ({ db: { query: () => 1 } }) });

// The same flat handle from inside an executor.
defineDomain("hover").task("t", {
  payload: z.null(),
  execute: (_payload, ctx) => {
    const handle = ctx.domain(ingest);
    expectType<Equal<typeof handle, ExecutionHandle<"ingest", IngestTypes>>>();
    const here = mill.domain(media);
    const there = ctx.domain(media);
    const same: typeof here = there;
    void same;
  },
});
