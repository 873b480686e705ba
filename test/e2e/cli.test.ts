import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { environment, Mill, NODE, ROOT, temporary } from "./mill.ts";

const MAIN = join(ROOT, "src", "cli", "main.ts");
const home = temporary("cli");
let mill: Mill;
beforeAll(async () => {
  mill = await Mill.start({ folder: fileURLToPath(new URL("worker", import.meta.url)), home: home.path, vars: { MILLRACE_AUTH: "open" } });
});
afterAll(async () => {
  await mill?.stop();
  home[Symbol.dispose]();
});

/** `millrace …` in a process of its own, with what stands on its standard input. */
function millrace(args: string[], input = "", env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const options = { env: { ...environment(home.path), MILLRACE_URL: mill.url, ...env } };
    const child = execFile(NODE, [MAIN, ...args], options, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
    child.stdin?.end(input);
  });
}

test("[command line] a load from a pipe, its result, a watch, a bench, and what a mill that is gone says", async () => {
  const submitted = await millrace(["submit", "plain", "double", "-", "--wait", "30s", "--json"], '{"n":21,"ms":0}');
  expect(submitted).toMatchObject({ code: 0, out: '{"doubled":42}\n', err: "plain_1 inserted\n" });
  // Before the bench, whose tasks would push it off the first page.
  const listed = await millrace(["list", "plain", "--json"]);
  const [watched, measured] = await Promise.all([
    millrace(["watch", "plain_1"]),
    millrace(["bench", "plain", "double", '{"n":1,"ms":0}', "-n", "200", "-b", "50", "--json"]),
  ]);
  expect(watched).toMatchObject({ code: 0, out: "plain_1 completed\n" });
  expect(JSON.parse(listed.out).at(-1)).toMatchObject({ id: "plain_1", result: { doubled: 42 } });
  expect(JSON.parse(measured.out)).toMatchObject({ tasks: 200, submits: 4, completed: 200 });
  const gone = await millrace(["domains"], "", { MILLRACE_URL: "http://127.0.0.1:9" });
  expect(gone).toMatchObject({ code: 3, out: "", err: expect.stringContaining("Is there a mill at http://127.0.0.1:9?") });
});

test("[command line] Ctrl-C ends a watch with 130", async () => {
  const env = { ...environment(home.path), MILLRACE_URL: mill.url };
  const waiting = await millrace(["submit", "pull", "node", '{"text":"x"}']);
  const id = waiting.out.split(" ")[0]!;
  const follow = spawn(NODE, [MAIN, "watch", id], { env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((resolve) => follow.on("exit", (code) => resolve(code)));
  await new Promise((resolve) => follow.stdout.once("data", resolve));
  follow.kill("SIGINT");
  expect(await ended).toBe(130);
});

test("[command line] a watch whose reader has seen enough ends", async () => {
  const env = { ...environment(home.path), MILLRACE_URL: mill.url };
  const submit = async () => (await millrace(["submit", "pull", "node", JSON.stringify({ text: crypto.randomUUID() })])).out.split(" ")[0]!;
  const [first, second] = [await submit(), await submit()];
  const follow = spawn(NODE, [MAIN, "watch", first, second], { env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((resolve) => follow.on("exit", (code) => resolve(code)));
  await new Promise((resolve) => follow.stdout.once("data", resolve));
  follow.stdout.destroy();
  // The line about it goes nowhere; the other task is never done.
  await millrace(["cancel", first]);
  expect(await ended).toBe(0);
});
