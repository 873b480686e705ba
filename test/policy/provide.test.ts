import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import { ref } from "../../src/domains/ref.ts";
import { buildRegistry } from "../../src/registry.ts";
import { runTask } from "../../src/testing/index.ts";
import { appOf, provide, seal } from "../../src/worker/run/state.ts";

const domain = defineDomain("d").task("t", { payload: z.null(), execute: () => null });
const registryOf = (options: object = {}) => buildRegistry({ domains: [domain], ...options });

describe("[late-bound state]", () => {
  test("is a member of ctx.app beside app's own, built once, when it is first asked for", () => {
    const registry = registryOf({ app: (env: { name: string }) => ({ db: `db of ${env.name}` }) });
    let built = 0;
    provide(registry, "mailer", (env: { name: string }) => ({ from: env.name, number: (built += 1) }));
    const app = appOf(registry, { name: "prod" }) as { db: string; mailer: { from: string; number: number } };
    expect(app.db).toBe("db of prod");
    expect(built).toBe(0);
    expect(app.mailer).toBe(app.mailer);
    expect(app.mailer).toEqual({ from: "prod", number: 1 });
    expect(appOf(registry, { name: "prod" })).toBe(app);
  });

  test("needs no app; a factory that throws is tried again", () => {
    const registry = registryOf();
    let fails = true;
    provide(registry, "cache", () => {
      if (fails) throw new Error("not yet");
      return "there";
    });
    const app = appOf(registry, {}) as { cache: string };
    expect(() => app.cache).toThrow("not yet");
    fails = false;
    expect(app.cache).toBe("there");
  });

  test("late, twice, taken, missing, nonsense: each a clear error", () => {
    const registry = registryOf({ late: ["queue"], app: () => ({ db: 1 }) });
    provide(registry, "cache", () => 1);
    expect(() => provide(registry, "cache", () => 2)).toThrow(/provide\("cache", …\) was called twice/);
    expect(() => provide(registry, "", () => 2)).toThrow(/takes a name and a function/);
    expect(() => provide(registry, "x", 2)).toThrow(/takes a name and a function/);
    const app = appOf(registry, {}) as { queue: unknown };
    expect(() => app.queue).toThrow(/ctx.app.queue was never provided/);
    expect(() => provide(registry, "more", () => 2)).toThrow(/came after the first request/);
    const sealed = registryOf();
    seal(sealed);
    expect(() => provide(sealed, "x", () => 1)).toThrow(expect.objectContaining({ code: "invalid_state" }));
    const taken = registryOf({ app: () => ({ db: 1 }) });
    provide(taken, "db", () => 2);
    expect(() => appOf(taken, {})).toThrow(/returns "db" already/);
    const frozen = registryOf({ app: () => Object.freeze({ db: 1 }) });
    provide(frozen, "x", () => 2);
    expect(() => appOf(frozen, {})).toThrow(/must be a plain object/);
    expect(() => registryOf({ late: "x" })).toThrow(/late must be a list of names/);
  });
});

describe("[optional domain]", () => {
  const analytics = defineDomain("analytics").task("track", { payload: z.object({ event: z.string() }), execute: () => null });
  const asks = defineDomain("asks")
    .task("optional", {
      payload: z.null(),
      execute: async (_payload, ctx) =>
        (await ctx.tryDomain(ref<typeof analytics>("analytics"))?.submit("track", { event: "seen" }))?.outcome ?? "none",
    })
    .task("required", {
      payload: z.null(),
      execute: async (_payload, ctx) => (await ctx.domain(analytics).submit("track", { event: "seen" })).outcome,
    });

  test("tryDomain is undefined where the mill has none, and the handle where it has", async () => {
    expect((await runTask(asks, "optional", null)).result).toBe("none");
    const { result, submitted } = await runTask(asks, "optional", null, { domains: [analytics] });
    expect(result).toBe("inserted");
    expect(submitted).toMatchObject([{ domain: "analytics", type: "track", payload: { event: "seen" } }]);
  });

  test("domain is a clear error where the mill has none", async () => {
    await expect(runTask(asks, "required", null)).rejects.toMatchObject({
      code: "unknown_domain",
      message: expect.stringContaining('This mill has no domain "analytics"'),
    });
  });
});
