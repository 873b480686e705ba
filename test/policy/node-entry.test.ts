import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as node from "../../src/node.ts";

/** The values that an entry exports, each with the file it comes from; types have no existence. */
function exportsOf(entry: string): Map<string, string> {
  const source = readFileSync(join("src", entry), "utf8");
  const found = new Map<string, string>();
  for (const [, names = "", from = ""] of source.matchAll(/^export \{([^}]+)\} from "(.+)";$/gm))
    for (const name of names.split(",").map((one) => one.trim())) if (name !== "" && !name.startsWith("type ")) found.set(name, from);
  return found;
}

test("in plain Node, millrace has the same values as in Workers; only a mill cannot be made", () => {
  const workers = exportsOf("index.ts");
  expect(workers.get("createMill")).toBe("./mill.ts");
  workers.delete("createMill");
  expect(workers.size).toBeGreaterThan(10);
  expect(exportsOf("node.ts")).toEqual(workers);
  expect(() => node.createMill()).toThrow(expect.objectContaining({ code: "invalid_state", message: expect.stringContaining("runTask") }));
});
