import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { environment, Mill, NODE, ROOT, temporary } from "./mill.ts";

const execute = promisify(execFile);

/** Runs a command to its end; what it printed is in the error when it fails. */
async function run(command: string, args: string[], options: { cwd?: string; env: Record<string, string> }): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { ...options, maxBuffer: 1 << 24 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Packs the repository, as `npm publish` would, and unpacks it as the consumer's `node_modules/millrace`. */
async function consumer(home: string): Promise<string> {
  const app = join(home, "app");
  const modules = join(app, "node_modules");
  cpSync(fileURLToPath(new URL("consumer", import.meta.url)), app, { recursive: true });
  mkdirSync(join(modules, "millrace"), { recursive: true });
  const options = { env: environment(home) };
  await run("npm", ["pack", "--silent", "--pack-destination", home], { ...options, cwd: ROOT });
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
    dependencies: Record<string, string>;
  };
  await run(
    "tar",
    ["-xzf", join(home, `millrace-${manifest.version}.tgz`), "--strip-components=1", "-C", join(modules, "millrace")],
    options,
  );
  // What `npm install` would bring along, and the consumer's own zod and types.
  for (const name of [...Object.keys(manifest.dependencies), "@cloudflare/workers-types"]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  return app;
}

/** examples/acme-cdn as it would be on its own: its dependencies in its node_modules, no configuration of this repository. */
function library(home: string, app: string): string {
  const folder = join(home, "acme-cdn");
  const modules = join(folder, "node_modules");
  cpSync(join(ROOT, "examples", "acme-cdn"), folder, { recursive: true });
  cpSync(join(folder, "tsconfig.build.json"), join(folder, "tsconfig.json"));
  mkdirSync(join(modules, "@cloudflare"), { recursive: true });
  symlinkSync(join(app, "node_modules", "millrace"), join(modules, "millrace"));
  for (const name of ["zod", "vitest", "@cloudflare/workers-types"]) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  return folder;
}

test("the packed tarball is all that another Worker needs: types, a running mill, a client", async () => {
  using home = temporary("package");
  const app = await consumer(home.path);
  const options = { cwd: app, env: environment(home.path) };

  const resolved = await run(NODE, ["--input-type=module", "-e", "console.log(import.meta.resolve('millrace/client'))"], options);
  expect(realpathSync(fileURLToPath(resolved.trim())).startsWith(realpathSync(app))).toBe(true);
  await run(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", app], options);

  // A domain alone needs no Workers: its tests run in plain Node.
  const tried = await run(NODE, ["src/try.ts"], options);
  expect(JSON.parse(tried)).toEqual({ object: "thumbs/logo.png", width: 64, greeting: "from Node" });

  // So do those of a package with a domain, which builds against the tarball's types.
  const cdn = { cwd: library(home.path, app), env: environment(home.path) };
  await run(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"], cdn);
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const report = await run(NODE, [vitest, "run", "--reporter=tap"], { ...cdn, env: { ...cdn.env, NO_COLOR: "1" } });
  expect(report).toContain("ok 1 - test/cdn.test.ts");

  // The command line: as the manifest names it, and as it stands in the tarball.
  const { bin } = JSON.parse(readFileSync(join(app, "node_modules", "millrace", "package.json"), "utf8")) as { bin: { millrace: string } };
  mkdirSync(join(app, "node_modules", ".bin"), { recursive: true });
  symlinkSync(join("..", "millrace", bin.millrace), join(app, "node_modules", ".bin", "millrace"));
  expect(await run("npx", ["--no-install", "millrace", "--help"], options)).toContain("Usage: millrace");

  await using mill = await Mill.start({ folder: app, home: home.path, vars: { MILLRACE_AUTH: "open", GREETING: "from the tarball" } });
  const asked = await run(NODE, ["src/ask.ts", mill.url], options);
  expect(JSON.parse(asked)).toEqual({
    outcome: "inserted",
    id: "media_1",
    result: { object: "thumbs/logo.png", width: 64, greeting: "from the tarball" },
  });

  const listed = await run("npx", ["--no-install", "millrace", "get", "media_1", "--json", "--url", mill.url], options);
  expect(JSON.parse(listed)).toMatchObject({ id: "media_1", status: "completed" });

  const body = JSON.stringify({ type: "resize", payload: { object: "photo.jpg", width: 320 } });
  const posted = await fetch(`${mill.url}/v1/domains/media/tasks?wait=30s`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  expect(posted.status).toBe(201);
  expect(await posted.json()).toMatchObject({
    outcome: "inserted",
    task: { status: "completed", tags: { provider: "acme", _domain: "media" } },
  });
  await mill.stop();
});
