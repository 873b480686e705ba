import { createExecutionContext, env, reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createClient, type DomainHandle, MillraceError } from "millrace/client";
import { clock } from "../worker/clock.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { type Kept, type Step, STEPS, type Way } from "./conformance/steps.ts";

type Service = (options: { props: unknown }) => { fetch(request: Request): Promise<Response> };
/** A binding to this Worker's `MillService`, as `[[services]]` in another Worker's `wrangler.toml` makes one. */
const binding = (props?: unknown) => (exports as unknown as { MillService: Service }).MillService({ props });

const over = (client: ReturnType<typeof createClient<typeof mill>>): Way => ({
  mill: client,
  work: client.domain("work"),
  other: client.domain("other"),
  stranger: () => client.domain("othr" as never) as unknown as DomainHandle,
});
const OPEN = { ...env, MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
const overHttp = async (request: Request) => mill.fetch(request, OPEN, createExecutionContext());

const WAYS: readonly [string, () => Way][] = [
  [
    "in the Worker",
    () => ({ mill, work: workQ, other: otherQ, stranger: () => mill.domain({ name: "othr" } as never) as unknown as DomainHandle }),
  ],
  ["over a service binding", () => over(createClient<typeof mill>({ service: binding({ role: "admin" }), clock }))],
  ["over HTTP", () => over(createClient<typeof mill>({ url: "https://mill.test", fetch: overHttp, clock }))],
];

/** What a call gave: its answer, the code and facts of its refusal, or what else it threw. */
async function outcomeOf(step: Step, way: Way, kept: Kept): Promise<unknown> {
  try {
    return await step.run(way, kept);
  } catch (error) {
    if (MillraceError.is(error)) return { refused: error.code, facts: error.facts };
    return { thrown: error instanceof Error ? String(error) : error };
  }
}

/** What must be the same in every way: all but cursors, lease ids, and the words in which a refusal is explained. */
function comparable(outcome: unknown): unknown {
  if (typeof outcome === "object" && outcome !== null && "refused" in outcome) return { refused: outcome.refused };
  return JSON.parse(
    JSON.stringify(outcome ?? null, (name, value: unknown) =>
      (name === "next" || name === "lease") && typeof value === "string" ? "…" : value,
    ),
  );
}

/** The verbs that an object offers, wherever they are defined. */
function verbsOf(handle: object): string[] {
  const names = new Set<string>();
  for (let level = handle; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) {
      const { value } = Object.getOwnPropertyDescriptor(level, name)!;
      if (typeof value === "function" && name !== "constructor") names.add(name);
    }
  }
  return [...names].sort();
}

/** How handles are come by, and what of a mill in its Worker is no verb: its classes and handlers. */
const OTHERS = new Set(["task", "domain", "provide", "fetch", "scheduled"]);
const isVerb = (name: string): boolean => !OTHERS.has(name) && !/^[A-Z]/.test(name);

describe("[transports] one handle, three transports", () => {
  beforeAll(() => clock.freeze());
  afterAll(() => clock.thaw());
  afterEach(() => reset());

  const stories: unknown[][] = [];

  for (const [name, make] of WAYS) {
    test(`${name}: every verb, with good and bad input`, async () => {
      const way = make();
      const kept = {} as Kept;
      const story: unknown[] = [];
      for (const step of STEPS) {
        const outcome = await outcomeOf(step, way, kept);
        const title = `${step.of}.${step.verb}: ${step.does}`;
        expect.soft([title, outcome]).toMatchObject([title, step.gives]);
        story.push([title, comparable(outcome)]);
      }
      stories.push(story);
    });
  }

  test("the three tell the same story, to the last field", () => {
    expect(stories).toHaveLength(3);
    const [first, ...others] = stories;
    for (const other of others) expect(other).toEqual(first);
  });

  test("every verb that any of them has is in the story, and all of them have it", async () => {
    const [local, service, http] = WAYS.map(([, make]) => make()) as [Way, Way, Way];
    const parts: [Step["of"], (way: Way) => object][] = [
      ["domain", ({ work }) => work],
      ["task", ({ work }) => work.task("play", "work_1")],
      ["schedule", ({ work }) => work.schedule("work_s1")],
      // A whole client can be given a signal, a mill in its Worker can not.
      ["mill", (way) => ({ ...way.mill, with: undefined })],
      ["group", (way) => way.mill.group("g")],
    ];
    for (const [of, part] of parts) {
      const told = new Set(STEPS.filter((step) => step.of === of).map(({ verb }) => verb));
      const verbs = verbsOf(part(local)).filter(isVerb);
      expect([of, verbs.filter((verb) => !told.has(verb))]).toEqual([of, []]);
      expect(verbsOf(part(service)).filter(isVerb)).toEqual(verbs);
      expect(verbsOf(part(http)).filter(isVerb)).toEqual(verbs);
    }
    await local.work.submit("pulled", { name: "verbs" });
    const [claim] = await local.work.claim({ worker: "w", types: ["pulled"], wait: "5s" });
    expect(verbsOf(claim!)).toEqual([...new Set(STEPS.filter(({ of }) => of === "claim").map(({ verb }) => verb))].sort());
  });

  describe("[service binding] the binding's props say who asks", () => {
    const client = (props?: unknown) => createClient<typeof mill>({ service: binding(props) });

    test("a producer, unless they say more; no token is asked for, and none helps", async () => {
      const { id } = await client().domain("work").submit("plain", { n: 1 });
      expect(await client().domain("work").task("plain", id).result()).toBe(1);
      await expect(client().domain("work").pause()).rejects.toMatchObject({
        code: "forbidden",
        facts: { needed: "operator", role: "producer" },
      });
      await expect(client({ role: "viewer" }).domain("work").submit("plain", { n: 1 })).rejects.toMatchObject({ code: "forbidden" });
      const asked = new Request("https://x/v1/me", { headers: { authorization: "Bearer whatever" } });
      expect(await (await binding({ role: "worker", name: "gpu" }).fetch(asked)).json()).toEqual({
        name: "service:gpu",
        role: "worker",
        domains: null,
      });
    });

    test("only the domains that they name", async () => {
      const scoped = client({ role: "admin", domains: ["other"] });
      await expect(scoped.domain("work").snapshot()).rejects.toMatchObject({ code: "forbidden", facts: { domain: "work" } });
      expect(await scoped.domain("other").snapshot()).toMatchObject({ name: "other" });
      await expect(scoped.pause()).rejects.toMatchObject({ code: "forbidden" });
    });

    test.each([
      [{ domain: ["other"] }, "domain"],
      [{ role: "root" }, "role"],
      [{ domains: [] }, "domains"],
      [{ name: "a b" }, "name"],
      [[], "object"],
    ])("props %j let nobody in, and the refusal says why", async (props, word) => {
      await expect(client(props).domain("other").snapshot()).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringContaining(word),
      });
    });

    test("what it changes is in the audit log under its name; keys of two bindings do not meet", async () => {
      await client({ role: "operator", name: "billing" }).domain("work").pause();
      expect((await mill.audit()).items).toMatchObject([{ name: "service:billing", action: "POST /v1/domains/{domain}/pause" }]);
      const submit = (name: string) => client({ name }).domain("work").submit("plain", { n: 1 }, { idempotencyKey: "same" });
      expect([(await submit("a")).id, (await submit("b")).id, (await submit("a")).id]).toEqual(["work_1", "work_2", "work_1"]);
    });

    test("types that are not submittable stay inside the Worker that has them", async () => {
      await expect(client({ role: "admin" }).domain("work").submit("hidden", { secret: "x" })).rejects.toMatchObject({
        code: "not_submittable",
      });
      expect(await workQ.submit("hidden", { secret: "x" })).toMatchObject({ outcome: "inserted" });
    });
  });
});
