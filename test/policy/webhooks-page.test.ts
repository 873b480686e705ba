import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { signBody } from "../../src/domains/http.ts";

test("the verifier in Python on docs/webhooks.md takes our signatures, and nothing else", async () => {
  const [, script = ""] = /```python\n([\s\S]*?)\n```/.exec(readFileSync("docs/webhooks.md", "utf8")) ?? [];
  const body = '{"event":"käse"}';
  const timestamp = Math.floor(Date.now() / 1_000);
  const header = await signBody(body, ["k".repeat(16), "l".repeat(16)], timestamp);
  const stale = await signBody(body, ["k".repeat(16)], timestamp - 301);
  const asked = [
    [body, header, ["k".repeat(16)]],
    [body, header, ["l".repeat(16)]],
    [`${body} `, header, ["k".repeat(16)]],
    [body, header, ["m".repeat(16)]],
    [body, stale, ["k".repeat(16)]],
    [body, "v1=00", ["k".repeat(16)]],
  ];
  const ask = `${script}
import json, sys
print(json.dumps([verify(body.encode(), header, keys) for body, header, keys in json.load(sys.stdin)]))`;
  const answers = execFileSync("python3", ["-c", ask], { input: JSON.stringify(asked), encoding: "utf8" });
  expect(JSON.parse(answers)).toEqual([true, true, false, false, false, false]);
});
