import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { environment, freePort, Group, ROOT, temporary, until } from "./mill.ts";

const run = promisify(execFile);

/** A clone as it stands in the work tree: what git knows or would add, and the installed packages beside it. */
async function copy(home: string): Promise<string> {
  const folder = join(home, "clone");
  const { stdout } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT, maxBuffer: 1 << 24 });
  for (const name of stdout.split("\n").filter((line) => line && line !== "node_modules" && existsSync(join(ROOT, line)))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    cpSync(join(ROOT, name), join(folder, name));
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** `npm start` on a port, until it has printed its curl; returns the process group and that command. */
async function start(folder: string, home: string, port: number): Promise<{ group: Group; curl: string }> {
  const group = new Group("npm", ["start"], { cwd: folder, env: { ...environment(home), PORT: String(port) } });
  const printed = () => /^\s*(curl [\s\S]*?[^\\])$/m.exec(group.output.replaceAll("\r", ""))?.[1];
  try {
    await until(
      () => "a line that begins with curl",
      () => {
        if (group.exited) throw new Error("npm start ended");
        return printed() !== undefined && group.output.includes(String(port));
      },
      90_000,
    );
  } catch (error) {
    await group.kill9();
    throw new Error(`${String(error)}\n${group.output}`, { cause: error });
  }
  return { group, curl: printed() ?? "" };
}

test("npm start prints a curl that works when it is pasted; a second start works as well; Ctrl-C leaves no process", async () => {
  using home = temporary("start");
  const folder = await copy(home.path);
  const port = await freePort();
  for (const round of ["first", "second"]) {
    const { group, curl } = await start(folder, home.path, port);
    try {
      expect(curl).toContain(String(port));
      // Pasted into a shell, as a reader would; `--fail-with-body` turns an error status into a failed command.
      const { stdout } = await run("bash", ["-c", curl.replace(/^curl /, "curl --silent --show-error --fail-with-body ")], { cwd: folder });
      expect(JSON.parse(stdout), `${round} start: ${curl}`).toMatchObject({ outcome: "inserted", task: { status: "completed" } });
      // What is there already is not installed again.
      expect(group.output).not.toContain("Installing");
    } finally {
      const polite = await group.interrupt();
      expect(polite, `Ctrl-C did not end it:\n${group.output}`).toBe(true);
    }
    expect(group.living).toEqual([]);
  }
});
