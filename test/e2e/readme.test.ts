import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pages, snippetsOf, textOf } from "../../scripts/pages.mjs";
import { LOCAL_HOSTS, LOCAL_WEBHOOK_SECRET } from "../../scripts/dev.mjs";
import { environment, Mill, NODE, ROOT, temporary } from "./mill.ts";

const run = promisify(execFile);

const MARK = "run by test/e2e/readme.test.ts";
/** The fenced blocks that say `run by test/e2e/readme.test.ts expecting …` in the comment before them, page after page. */
const snippets = pages.flatMap(snippetsOf).flatMap(({ comment, ...snippet }) => {
  const [, expected] = new RegExp(`^<!-- ${MARK} expecting (.+) -->$`).exec(comment) ?? [];
  return expected === undefined ? [] : [{ ...snippet, expected }];
});
type Snippet = (typeof snippets)[number];

const home = temporary("readme");
let mill: Mill;

beforeAll(async () => {
  const vars = { MILLRACE_AUTH: "open", ALLOW_PRIVATE: LOCAL_HOSTS, WEBHOOK_SECRET: LOCAL_WEBHOOK_SECRET };
  mill = await Mill.start({ folder: ROOT, home: home.path, vars });
});

afterAll(async () => {
  await mill?.kill9();
  home[Symbol.dispose]();
});

/** The command line, from its source. */
const MILLRACE = `${NODE} ${join(ROOT, "src", "cli", "main.ts")}`;

/** As a reader pastes it, but for the port and where `npx millrace` lies; an error status of any curl is a failed command. */
async function execute({ language, text }: Snippet): Promise<string> {
  const pasted = text.replaceAll(/(localhost|127\.0\.0\.1):8787/g, new URL(mill.url).host);
  const strict = `set -euo pipefail\ncurl() { command curl --show-error --fail-with-body "$@"; }\nnpx() { shift; ${MILLRACE} "$@"; }\n`;
  const [command, args] = language === "python" ? ["python3", ["-c", pasted]] : ["bash", ["-c", strict + pasted]];
  const { stdout } = await run(command as string, args as string[], {
    cwd: home.path,
    env: { ...environment(home.path), MILLRACE_URL: mill.url },
    timeout: 60_000,
  });
  return stdout;
}

// In the order of the page: a later snippet may use what an earlier one made.
describe("shell and Python snippets of the docs, against a running mill", () => {
  for (const snippet of snippets) {
    test(`${snippet.page}:${snippet.line}`, async () => {
      expect(await execute(snippet)).toContain(snippet.expected);
    });
  }

  test("no page has a mark that nothing follows", () => {
    for (const page of pages) {
      const marks = textOf(page).split(MARK).length - 1;
      expect(snippets.filter((snippet) => snippet.page === page).length, page).toBe(marks);
    }
    expect(snippets.length).toBeGreaterThan(20);
  });
});

/** Writes a page's own app: every snippet whose first line names its file. Only where `millrace` lies is added. */
function writeApp(page: string, folder: string): string[] {
  const named = [...textOf(page).matchAll(/```\w+\n((?:\/\/|#) ([\w./]+)\n[\s\S]*?)\n```/g)].map(({ 1: text = "", 2: name = "" }) => ({
    name,
    text,
  }));
  for (const { name, text } of named) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    // Before the first table, as TOML wants its top level.
    const alias = `\nalias = { millrace = ${JSON.stringify(join(ROOT, "src", "index.ts"))} }\n`;
    writeFileSync(join(folder, name), name === "wrangler.toml" ? text.replace(/\n(?=\n\[)/, alias) : text);
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return named.map(({ name }) => name);
}

const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

test("the README's app runs as it stands: its Worker submits, awaits and answers with the typed result", async () => {
  using app = temporary("readme-app");
  const files = writeApp("README.md", app.path);
  expect(files).toEqual(["src/domains/media.ts", "src/index.ts", "wrangler.toml"]);
  writeFileSync(join(app.path, "logo.png"), "a logo");
  const put = ["r2", "object", "put", "pictures/logo.png", "--file", "logo.png", "--local", "--persist-to", join(app.path, "data")];
  await run(NODE, [wrangler, ...put], { cwd: app.path, env: environment(app.path) });
  await using pictures = await Mill.start({ folder: app.path, home: app.path });
  const response = await fetch(`${pictures.url}/logo`);
  expect(await response.json()).toEqual({ object: "small/logo.png", bytes: 6 });
});

test.each([
  ["docs/start/your-own-mill.md", ["src/domains/mail.ts", "src/index.ts", "wrangler.toml"]],
  ["docs/how-to/mount-in-an-app.md", ["src/index.ts"]],
])("the app of %s is what wrangler would deploy", async (page, wanted) => {
  using app = temporary("page-app");
  expect(writeApp(page, app.path)).toEqual(wanted);
  // A page that leaves it out means the one of the first page.
  if (!wanted.includes("wrangler.toml")) copyConfiguration(app.path);
  const { stdout } = await run(NODE, [wrangler, "deploy", "--dry-run", "--outdir", "out"], { cwd: app.path, env: environment(app.path) });
  expect(stdout).toContain("--dry-run: exiting now");
});

function copyConfiguration(folder: string): void {
  using other = temporary("page-app");
  writeApp("docs/start/your-own-mill.md", other.path);
  copyFileSync(join(other.path, "wrangler.toml"), join(folder, "wrangler.toml"));
}
