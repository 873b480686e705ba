import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { environment, ROOT, temporary } from "./mill.ts";

/** `npm run demo` in a temporary folder of its own, started by whatever Node runs npm. */
function demo(home: string, env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      "node",
      [join(ROOT, "scripts", "demo.mjs")],
      { cwd: ROOT, env: { ...environment(home), TMPDIR: home, ...env }, timeout: 150_000, killSignal: "SIGINT" },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr }),
    );
  });
}

test("the demo takes a photo through three domains, checks everything, and cleans up", async () => {
  using home = temporary("demo");
  const { code, output } = await demo(home.path);
  expect(code, output).toBe(0);
  expect(output).toContain("2400 × 1600");
  for (const seen of [
    "ingest.fetch",
    "media.resize",
    "http.deliver",
    "320 × 213",
    "640 × 427",
    "1280 × 853",
    "503, then 200, signature verified",
  ]) {
    expect(output).toContain(seen);
  }
  expect(output).not.toContain("WRONG");
  expect(readdirSync(home.path).filter((name) => name.startsWith("millrace-demo-"))).toEqual([]);
});

test("a check that fails is named, and the demo exits with 1", async () => {
  using home = temporary("demo");
  const { code, output } = await demo(home.path, { WEBHOOK_SECRET: "not the key that the mill signs with" });
  expect(code, output).toBe(1);
  expect(output).toMatch(/WRONG: the signature t=\d+,v1=[0-9a-f]+ does not verify/);
  expect(output).toContain("1 of 5 checks failed");
});

test("without a mill at MILLRACE_URL it says so and exits with 1", async () => {
  using home = temporary("demo");
  const { code, output } = await demo(home.path, { MILLRACE_URL: "http://127.0.0.1:9" });
  expect(code, output).toBe(1);
  expect(output).toContain("The demo failed: There is no mill at http://127.0.0.1:9");
});
