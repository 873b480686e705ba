import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { snippetsOf } from "../../scripts/pages.mjs";
import { environment, ROOT, temporary } from "./mill.ts";

const run = promisify(execFile);

test("the dashboard under a prefix: the page's commands put files and headers where the app serves them", async () => {
  using app = temporary("prefix");
  mkdirSync(join(app.path, "node_modules"));
  symlinkSync(ROOT, join(app.path, "node_modules", "millrace"));
  const commands = snippetsOf("docs/how-to/mount-in-an-app.md").find(({ language }) => language === "sh")!.text;
  await run("bash", ["-euc", commands], { cwd: app.path, env: environment(app.path) });
  const page = readFileSync(join(app.path, "public", "queue", "index.html"), "utf8");
  const [, script = ""] = /<script [^>]*src="\.\/([^"]+)"/.exec(page) ?? [];
  expect(existsSync(join(app.path, "public", "queue", script))).toBe(true);
  // One for the whole app, at its root, and none below.
  const paths = readFileSync(join(app.path, "public", "_headers"), "utf8").match(/^\/.*$/gm)!;
  expect(paths).toEqual(["/queue/", "/queue/*", "/queue/dashboard/*"]);
  expect(existsSync(join(app.path, "public", "queue", "_headers"))).toBe(false);
});
