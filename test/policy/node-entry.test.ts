import { expect, test, vi } from "vitest";
import * as node from "../../src/node.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: Object,
  WorkerEntrypoint: Object,
  RpcTarget: Object,
  env: {},
  exports: {},
  waitUntil: () => undefined,
}));

test("in plain Node, millrace has the same values as in Workers; only a mill cannot be made", async () => {
  const workers = (await import("../../src/index.ts")) as Record<string, unknown>;
  expect(Object.keys(node).sort()).toEqual(Object.keys(workers).sort());
  for (const [name, value] of Object.entries(node)) if (name !== "createMill") expect(value, name).toBe(workers[name]);
  expect(() => node.createMill()).toThrow(expect.objectContaining({ code: "invalid_state", message: expect.stringContaining("runTask") }));
});
