import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { crash } from "../worker/drive.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { type Ear, listen, stream } from "../worker/listen.ts";
import { stub, until } from "../worker/reach.ts";

const ears: Ear[] = [];
const ear = async <E extends Ear>(opened: Promise<E>): Promise<E> => {
  const one = await opened;
  ears.push(one);
  return one;
};
afterEach(() => {
  for (const one of ears.splice(0)) one.close();
});

const names = (events: readonly MillEvent[]) => events.map(({ event }) => event);
const isEnd = ({ event }: MillEvent) => event === "task.completed";

describe("[events] a domain's stream", () => {
  test("tells what happens to a task, in order, with numbers that grow", async () => {
    const { hears, heard, response } = await ear(listen("?domain=work"));
    expect(response.status).toBe(101);
    const { id } = await workQ.submit("play", { do: "ok", name: "told" }, { tags: { color: "red" } });
    const end = await hears(isEnd);
    expect(names(heard)).toEqual(["task.submitted", "task.started", "task.completed"]);
    expect(heard[0]).toEqual({
      seq: expect.any(Number),
      at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
      event: "task.submitted",
      domain: "work",
      task: id,
      type: "play",
      label: "play told",
      tags: { color: "red" },
      priority: 128,
    });
    expect(end).toMatchObject({ task: id, attempt: 1, durationMs: expect.any(Number) });
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map(({ seq }) => seq).toSorted((one, other) => one - other));
    expect(heard[0]!.seq).toBeGreaterThan(Date.now() * 4_096 - 60_000 * 4_096);
  });
});
