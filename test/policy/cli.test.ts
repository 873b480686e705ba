import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { Bell } from "../../src/cli/bell.ts";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { run } from "../../src/cli/program.ts";
import type { World } from "../../src/cli/world.ts";
import { systemClock } from "../../src/clock.ts";
import { parseTokens } from "../../src/worker/auth.ts";
import { setup, sha256 } from "./gateway/setup.ts";
import { settled } from "./runner-fakes.ts";

/** A terminal before the real gateway, over domains in memory that run nothing. */
function terminal({ env = {}, bindings }: { env?: Record<string, string>; bindings?: Record<string, unknown> } = {}) {
  const mill = setup();
  const asked: Request[] = [];
  const stop = new AbortController();
  let output: string[] = [];
  const world: World & { input: string; files: Record<string, string> } = {
    env,
    clock: { ...systemClock, now: () => Date.parse("2026-11-20T12:30:00Z"), sleep: async () => settled() },
    interrupted: stop.signal,
    fetch: async (request) => {
      asked.push(request);
      return mill.app.fetch(request, bindings ?? { MILLRACE_AUTH: "open" });
    },
    out: (text) => void output.push(text),
    err: (text) => void output.push(`! ${text}`),
    screen: undefined,
    input: "",
    files: {},
    readInput: async () => world.input,
    readFile: async (path) => {
      if (path in world.files) return world.files[path]!;
      throw new Error("no such file");
    },
  };
  /** Runs a command line; spaces part its words, but within single quotes. */
  const type = async (line: string): Promise<{ code: number; text: string }> => {
    output = [];
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
    return { code: await run(words, world, "1.2.3"), text: output.join("\n") };
  };
  const json = async (line: string): Promise<unknown> => {
    const { code, text } = await type(`${line} --json`);
    expect([code, text]).toEqual([0, expect.anything()]);
    return JSON.parse(text);
  };
  return { ...mill, world, asked, stop, type, json };
}

describe("[command line] submit", () => {
  test("the payload as JSON, from a file and from standard input", async () => {
    const { world, type, domains } = terminal();
    world.files["p.json"] = '{"from":"file"}';
    world.input = '{"from":"input"}';
    expect(await type(`submit media plain '{"from":"line"}'`)).toEqual({ code: 0, text: "media_1 inserted" });
    expect(await type("submit media plain @p.json")).toEqual({ code: 0, text: "media_2 inserted" });
    expect(await type("submit media plain -")).toEqual({ code: 0, text: "media_3 inserted" });
    expect(await type("submit media plain")).toEqual({ code: 0, text: "media_4 inserted" });
    expect(domains.media.tasks.map(({ payload }) => payload)).toEqual([{ from: "line" }, { from: "file" }, { from: "input" }, {}]);
  });

  test("every flag arrives under its name", async () => {
    const { json, domains } = terminal();
    const flags = `-p high -k cat -l 'A cat' -t a=1 -t b=x=y -g acme --delay 5s --ttl 1h --timeout 30s --deadline 1d --depends-on media_1 --depends-on media_2
      --on-dependency-failure ignore --on-duplicate reject --options '{"failFast":false}' --idempotency-key once`;
    expect(await json(`submit media plain 7 ${flags}`)).toEqual({ outcome: "inserted", id: "media_1", type: "plain", domain: "media" });
    expect(domains.media.requests[0]).toMatchObject({
      idempotency: { key: expect.stringContaining("once") },
      items: [
        {
          payload: "7",
          priority: 64,
          key: "cat",
          label: "A cat",
          tags: { a: "1", b: "x=y" },
          group: "acme",
          delayMs: 5_000,
          ttlMs: 3_600_000,
          timeoutMs: 30_000,
          deadlineMs: 86_400_000,
          dependsOn: ["media_1", "media_2"],
          onDependencyFailure: "ignore",
          onDuplicate: "reject",
          failFast: false,
        },
      ],
    });
  });

  test("many, one a line; a line that is no JSON and nothing is submitted", async () => {
    const { world, type, json, domains } = terminal();
    world.input = '{"n":1}\n\n{"n":2}\n';
    expect(await json("submit media plain - --lines -t from=lines")).toEqual({ counts: { inserted: 2 } });
    expect(domains.media.tasks.map(({ payload, tags }) => [payload, tags.from])).toEqual([
      [{ n: 1 }, "lines"],
      [{ n: 2 }, "lines"],
    ]);
    world.input = '{"n":3}\nnonsense';
    expect(await type("submit media plain - --lines")).toMatchObject({ code: 2, text: expect.stringContaining("Line 2 is not JSON") });
    expect(domains.media.tasks).toHaveLength(2);
  });

  test("more than the mill takes at once goes in several batches; what was submitted before a refusal is told", async () => {
    const { world, type, json, domains } = terminal();
    world.input = Array.from({ length: 9 }, () => JSON.stringify("x".repeat(1_000_000))).join("\n");
    expect(await json("submit media plain - --lines")).toEqual({ counts: { inserted: 9 } });
    expect(domains.media.requests.map(({ items }) => items.length)).toEqual([7, 2]);
    world.input = `${'{"object":"cat","width":1}\n'.repeat(10_000)}{"object":"cat","width":-1}`;
    const { code, text } = await type("submit media resize - --lines --key one");
    expect([code, text]).toEqual([1, expect.stringMatching(/^1 inserted, 9999 duplicate\n! invalid_payload: /)]);
    world.input = "";
    expect(await json("submit media plain - --lines")).toEqual({ counts: {} });
    expect(await type("submit media plain - --lines")).toEqual({ code: 0, text: "There was nothing to submit." });
  });

  test("--wait prints the result, and how it ended is the exit code", async () => {
    const { type, domains } = terminal();
    const waiting = type("submit media plain --wait 30s");
    while (!domains.media.isAwaited) await settled();
    domains.media.end("media_1", { status: "completed", result: { bytes: 7 } });
    expect(await waiting).toEqual({ code: 0, text: '! media_1 inserted\n{\n  "bytes": 7\n}' });
    domains.media.end("media_1", { status: "failed", error: { name: "Error", message: "broken" } });
    expect(await type("result media_1")).toEqual({ code: 1, text: "! invalid_state: media_1 has no result: it ended failed: broken" });
    await type("submit media plain");
    expect(await type("result media_2 --wait 0s")).toMatchObject({ code: 5, text: expect.stringContaining("still pending") });
  });
});

describe("[command line] what the mill says", () => {
  test("a task, for people and for scripts", async () => {
    const { type, json } = terminal();
    await type('submit mail send \'{"to":"ada"}\' -t a=1');
    const { text } = await type("get mail_1");
    expect(text).toMatch(/^id {2,}mail_1$/m);
    expect(text).toMatch(/^payload {2,}\{"to":"ada"\}$/m);
    expect(text).toMatch(/^createdAt {2,}2026-11-20T12:00:01.000Z \(29m ago\)$/m);
    expect(text).not.toMatch(/^result/m);
    expect(await json("get mail_1")).toMatchObject({ id: "mail_1", payload: { to: "ada" }, tags: { a: "1" } });
    expect(await json("why mail_1")).toMatchObject({ gates: expect.any(Array) });
  });

  test("lists: of a domain, of the mill, filtered, all of them", async () => {
    const { world, type, json, domains, asked } = terminal();
    world.input = Array.from({ length: 60 }, (_, n) => JSON.stringify({ n })).join("\n");
    await type("submit media plain - --lines");
    await type('submit mail send \'{"to":"ada"}\' -k k1');
    domains.media.end("media_60", { status: "failed", error: { name: "Error", message: "a \u001b[31mred\nline" } });
    const { code, text } = await type("list media -n 2");
    expect(code).toBe(0);
    expect(text.split("\n")).toEqual([
      expect.stringMatching(/^ID +TYPE +STATUS +PRIORITY +CREATED +LABEL, ERROR$/),
      // What a task says cannot move the terminal's cursor.
      expect.stringMatching(/^media_60 +plain +failed +128 +\S+ ago +a {1,2}\[31mred line$/),
      expect.stringMatching(/^media_59 +plain +pending/),
    ]);
    expect(await json("list --all")).toHaveLength(61);
    expect(await json("list media -s failed -s dead_letter")).toMatchObject([{ id: "media_60" }]);
    expect(await json("list mail -k k1 -t a=1 -g g -q x --type send --since 2026-01-01T00:00:00Z")).toEqual([]);
    expect(new URL(asked.at(-1)!.url).search).toBe("?tag=a%3A1&since=2026-01-01T00%3A00%3A00Z&type=send&group=g&key=k1&q=x&limit=50");
    expect(await type("dead-letters media")).toEqual({ code: 0, text: "! There are no dead letters." });
    domains.media.end("media_1", { status: "dead_letter" });
    expect(await json("dead-letters")).toMatchObject([{ id: "media_1" }]);
  });

  test("cancel and retry many; the first refusal ends it and is told", async () => {
    const { type, domains } = terminal();
    for (let n = 0; n < 3; n += 1) await type("submit media plain");
    expect(await type("cancel media_1 media_2")).toEqual({ code: 0, text: "media_1 cancelled\nmedia_2 cancelled" });
    expect(domains.media.calls.filter((call) => call.startsWith("cancel"))).toHaveLength(2);
    expect(await type("cancel media_3 media_99 media_2")).toMatchObject({
      code: 1,
      text: expect.stringMatching(/^media_3 cancelled\n! task_not_found: /),
    });
    expect(await type("retry media_1 --payload 7")).toMatchObject({ code: 0 });
    expect(await type("retry media_1 media_2 --payload 7")).toMatchObject({ code: 2 });
  });

  test("--json tells what was done before the first refusal, too", async () => {
    const { type } = terminal();
    await type("submit media plain");
    const { code, text } = await type("cancel media_1 media_99 --json");
    const [done, refused] = text.split("\n");
    expect([code, JSON.parse(done!)]).toMatchObject([1, [{ id: "media_1", status: "cancelled" }]]);
    expect(JSON.parse(refused!.slice(2))).toMatchObject({ code: "task_not_found", id: "media_99" });
  });

  test("watch: a line for each change, until all have ended", async () => {
    const { type, domains } = terminal();
    await type("submit media plain");
    await type("submit media plain");
    const steps = [
      () => domains.media.end("media_1", { status: "running", progress: { fraction: 0.5, message: "half" } }),
      () => domains.media.end("media_1", { status: "completed" }),
      () => domains.media.end("media_2", { status: "failed", error: { name: "Error", message: "broken" } }),
    ];
    const watching = type("watch media_1 media_2");
    for (const step of steps) {
      const before = domains.media.calls.length;
      while (domains.media.calls.length < before + 4) await settled();
      step();
    }
    expect(await watching).toEqual({
      code: 1,
      text: [
        "media_1 pending",
        "media_2 pending",
        "media_1 running 50 % half",
        "media_1 completed 50 % half",
        "media_2 failed broken",
      ].join("\n"),
    });
  });

  test("watch in a terminal: a bar a task, redrawn in place", async () => {
    const { world, type, domains } = terminal();
    await type('submit mail send \'{"to":"ada"}\'');
    let drawn = "";
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 100 });
    stream.on("data", (chunk: Buffer) => (drawn += chunk.toString()));
    world.screen = { stream, columns: 100 };
    domains.mail.end("mail_1", { status: "running", progress: { fraction: 0.5, message: "half of \u001b[2Jit" } });
    const watching = type("watch mail_1");
    while (!drawn.includes("half of")) await settled();
    expect(drawn).toMatch(/mail_1 =+-+ 50 % running half of {1,2}\[2Jit/);
    domains.mail.end("mail_1", { status: "completed", progress: null });
    expect(await watching).toEqual({ code: 0, text: "" });
    expect(drawn).toMatch(/mail_1 =+ 100 % completed to ada/);
    // The cursor is there again.
    expect(drawn.lastIndexOf("\u001b[?25h")).toBeGreaterThan(drawn.lastIndexOf("\u001b[?25l"));
  });

  test("watch: a domain in which nothing runs is no silence", async () => {
    const { type } = terminal();
    expect(await type("watch media --once")).toEqual({ code: 0, text: "! Nothing runs in media now." });
    expect(await type("watch media --once --json")).toEqual({ code: 0, text: "" });
  });

  test("Ctrl-C ends a watch", async () => {
    const { type, stop, domains } = terminal();
    await type("submit media plain");
    const watching = type("watch media_1");
    while (domains.media.calls.length < 5) await settled();
    stop.abort(new Error("interrupted"));
    expect((await watching).code).toBe(130);
  });

  test("domains, pause, resume: nobody stops the mill by leaving a name out", async () => {
    const { type, asked } = terminal();
    expect((await type("domains")).text).toMatch(/^media +on +/m);
    expect(await type("pause media")).toEqual({ code: 0, text: "domain media is paused" });
    expect((await type("domains")).text).toMatch(/^media +paused \(domain\) +/m);
    expect(await type("resume media")).toEqual({ code: 0, text: "domain media goes on" });
    expect(await type("pause")).toMatchObject({ code: 2, text: expect.stringContaining("--mill") });
    expect(await type("pause media --mill")).toMatchObject({ code: 2 });
    expect(await type("pause --group g --mill")).toMatchObject({ code: 2 });
    expect(await type("pause media --until 2100-01-01T00:00:00Z")).toMatchObject({ code: 2 });
    const before = asked.length;
    expect(await type("pause --mill")).toEqual({ code: 0, text: "the mill is paused" });
    expect(await type("pause -g acme --until 2100-01-01T00:00:00Z")).toEqual({ code: 0, text: "group acme is paused" });
    expect(await type("resume -g acme")).toEqual({ code: 0, text: "group acme goes on" });
    expect(asked.slice(before).map(({ url }) => new URL(url).pathname)).toEqual([
      "/v1/pause",
      "/v1/groups/acme/pause",
      "/v1/groups/acme/resume",
    ]);
  });

  test("schedules: list, trigger, and not two things at once", async () => {
    const { type, app } = terminal();
    const made = { name: "nightly", type: "plain", payload: 1, cron: "30 2 * * *", timezone: "Europe/Berlin" };
    const response = await app.request(
      "/v1/domains/media/schedules",
      { method: "POST", body: JSON.stringify(made), headers: { "content-type": "application/json" } },
      { MILLRACE_AUTH: "open" },
    );
    const { id } = (await response.json()) as { id: string };
    expect((await type("schedules")).text).toContain(id);
    expect(await type(`schedules --trigger ${id}`)).toMatchObject({ code: 0, text: expect.stringContaining(id) });
    expect(await type(`schedules --trigger ${id} --pause ${id}`)).toMatchObject({ code: 2 });
    expect(await type("schedules --pause media_17")).toMatchObject({ code: 2, text: expect.stringContaining("media_s3") });
    expect(await type("schedules --pause media_s99")).toMatchObject({ code: 1 });
  });
});

describe("[command line] errors and exit codes", () => {
  test("a wrong command line is 2, with what was probably meant", async () => {
    const { type, asked } = terminal();
    expect(await type("sumbit media plain")).toMatchObject({ code: 2, text: expect.stringContaining("Did you mean submit?") });
    expect(await type("submit media plain --prority 1")).toMatchObject({ code: 2, text: expect.stringContaining("--priority") });
    expect(await type("submit media")).toMatchObject({ code: 2, text: expect.stringContaining("missing required argument 'type'") });
    expect(await type("submit media plain {")).toMatchObject({ code: 2, text: expect.stringContaining("not JSON") });
    expect(await type("submit media plain @none.json")).toMatchObject({
      code: 2,
      text: expect.stringContaining("none.json cannot be read"),
    });
    expect(await type("submit media plain -t novalue")).toMatchObject({ code: 2, text: expect.stringContaining("key=value") });
    expect(await type("list -n 0")).toMatchObject({ code: 2 });
    expect(await type("get nonsense")).toMatchObject({ code: 2, text: expect.stringContaining("media_17") });
    expect(await type("get media_1 --url nowhere")).toMatchObject({ code: 2, text: expect.stringContaining("http://") });
    expect(asked).toEqual([]);
    expect(await type("--version")).toEqual({ code: 0, text: "1.2.3" });
    expect(await type("")).toMatchObject({ code: 0, text: expect.stringContaining("Usage: millrace") });
    expect(await type("help submit")).toMatchObject({ code: 0, text: expect.stringContaining("--idempotency-key") });
  });

  test("what is wrong with a command line is JSON, too, where that is asked for", async () => {
    const { type } = terminal();
    for (const line of ["list --bogus", "sumbit x", "submit media", "pause", "list -n 0"]) {
      const { code, text } = await type(`${line} --json`);
      expect([code, JSON.parse(text.slice(2))]).toEqual([2, { code: "usage", message: expect.any(String) }]);
    }
  });

  test("a duration that is none is noticed before anything is asked", async () => {
    const { type, asked } = terminal();
    for (const line of [
      "submit media plain --wait soon",
      "submit media plain --delay 3x",
      "result media_1 --wait 3",
      "pause media --drain x",
    ])
      expect([line, await type(line)]).toMatchObject([line, { code: 2, text: expect.stringContaining("250ms, 30s") }]);
    expect(asked).toEqual([]);
  });

  test("a refusal is 1, and says what was probably meant; as JSON where that is asked for", async () => {
    const { type } = terminal();
    expect(await type("submit medai plain")).toMatchObject({ code: 1, text: expect.stringContaining('did you mean "media"?') });
    const { code, text } = await type("submit media plian --json");
    expect(code).toBe(1);
    expect(JSON.parse(text.slice(2))).toMatchObject({ code: "unknown_type", didYouMean: "plain", message: expect.any(String) });
  });

  test("unreachable is 3, and says where it was looked for", async () => {
    const { world, type } = terminal({ env: { MILLRACE_URL: "http://mill.test" } });
    world.fetch = () => Promise.reject(new TypeError("connection refused"));
    const { code, text } = await type("get media_1");
    expect(code).toBe(3);
    expect(text).toContain("Is there a mill at http://mill.test?");
  });

  test("the token is the environment's; without one, or with too small a role, it is 4", async () => {
    const tokens = [{ name: "eye", sha256: sha256("secret"), role: "viewer" }];
    const bindings = { MILLRACE_TOKENS: JSON.stringify(tokens) };
    expect(await terminal({ bindings }).type("domains")).toMatchObject({ code: 4, text: expect.stringContaining("MILLRACE_TOKEN") });
    const let_in = terminal({ bindings, env: { MILLRACE_TOKEN: "secret" } });
    expect(await let_in.type("domains")).toMatchObject({ code: 0 });
    expect(await let_in.type("pause media")).toMatchObject({ code: 4, text: expect.stringContaining("operator") });
  });
});

describe("[command line] token", () => {
  test("what create prints lets in, and the entry is one that a mill takes", async () => {
    const { json, type } = terminal();
    const { token, entry } = (await json("token create --role operator --name ops --domains media,mail")) as {
      token: string;
      entry: object;
    };
    expect(parseTokens(JSON.stringify([entry]))).toMatchObject([{ name: "ops", role: "operator", domains: new Set(["media", "mail"]) }]);
    const user = terminal({ bindings: { MILLRACE_TOKENS: JSON.stringify([entry]) }, env: { MILLRACE_TOKEN: token } });
    expect(await user.type("pause media")).toMatchObject({ code: 0 });
    const other = (await json("token create --role viewer")) as { token: string; entry: object };
    expect(other.token).not.toBe(token);
    expect(other.entry).toEqual({ name: "viewer", role: "viewer", sha256: sha256(other.token) });
    expect(await type("token create")).toMatchObject({ code: 2, text: expect.stringContaining("--role") });
    expect(await type("token create --role root")).toMatchObject({ code: 2 });
    expect(await type("token create --role viewer --domains Media")).toMatchObject({ code: 2 });
  });

  test("hash: of the argument, or of standard input without its line end", async () => {
    const { world, type } = terminal();
    expect(await type("token hash secret")).toEqual({ code: 0, text: sha256("secret") });
    world.input = "secret\n";
    expect(await type("token hash")).toEqual({ code: 0, text: sha256("secret") });
    world.input = "\n";
    expect(await type("token hash")).toMatchObject({ code: 2 });
  });
});

describe("[command line] completion", () => {
  test.each([
    [
      "",
      [
        "bench",
        "cancel",
        "completion",
        "dead-letters",
        "domains",
        "get",
        "list",
        "pause",
        "result",
        "resume",
        "retry",
        "schedules",
        "submit",
        "token",
        "watch",
        "why",
      ],
    ],
    ["su", ["submit"]],
    ["token '' ", ["create", "hash"]],
    ["submit ''", ["mail", "media"]],
    ["--json submit me", ["media"]],
    ["submit media ''", ["plain", "resize", "transcode"]],
    ["submit --priority high media re", ["resize"]],
    ["list m", ["mail", "media"]],
    ["watch me", ["media"]],
    ["submit --on-duplicate ''", ["reject", "skip", "supersede"]],
    ["token create --role o", ["operator"]],
    ["submit media plain --dep", ["--depends-on"]],
    ["list --js", ["--json"]],
    ["completion ''", ["bash", "fish", "zsh"]],
    ["submit media plain ''", []],
  ])("%s", async (line, words) => {
    const { type } = terminal();
    expect(await type(`__complete -- ${line === "" ? "''" : line}`)).toEqual({ code: 0, text: words.join("\n") });
  });

  test("where no mill answers there are no names, and no noise", async () => {
    const { world, type } = terminal();
    world.fetch = () => Promise.reject(new TypeError("refused"));
    expect(await type("__complete -- submit ''")).toEqual({ code: 0, text: "" });
  });

  test("a script for each shell asks the hidden command", async () => {
    const { type } = terminal();
    for (const shell of ["bash", "zsh", "fish"]) expect((await type(`completion ${shell}`)).text).toContain("millrace __complete -- ");
    expect(await type("completion powershell")).toMatchObject({ code: 2 });
  });
});

test("[command line] bench submits what it says, under a tag of its own", async () => {
  const { json, domains } = terminal();
  const measured = await json("bench media plain '{}' -n 25 -b 10 -c 2 --submit-only");
  expect(measured).toMatchObject({ tasks: 25, submits: 3, run: expect.any(String) });
  expect(domains.media.tasks).toHaveLength(25);
  expect(new Set(domains.media.tasks.map(({ key }) => key))).toEqual(new Set([null]));
  expect(new Set(domains.media.tasks.map(({ tags }) => tags["millrace.bench"]))).toEqual(new Set([(measured as { run: string }).run]));
});

describe("[command line] what a watch waits for", () => {
  /** A stream that a test tells events into, and a clock whose sleeps a test can see. */
  function told() {
    const slept: number[] = [];
    const world = terminal().world;
    world.clock = {
      ...world.clock,
      sleep: (ms, signal) => {
        slept.push(ms);
        return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
      },
    };
    let tell: (event: Partial<MillEvent> | Error) => void = () => undefined;
    let isOpen = true;
    async function* listen(signal: AbortSignal): AsyncGenerator<MillEvent> {
      signal.addEventListener("abort", () => (isOpen = false));
      const next = () => new Promise<Partial<MillEvent> | Error>((resolve) => (tell = resolve));
      for (;;) {
        const event = await next();
        if (event instanceof Error) throw event;
        yield event as MillEvent;
      }
    }
    const bell = new Bell(world, [listen], ({ task }) => task === "media_1");
    return { bell, slept, tell: (event: Partial<MillEvent> | Error) => tell(event), isOpen: () => isOpen };
  }

  test("an event about it, or that some were missed; not what is about others", async () => {
    const { bell, tell, slept, isOpen } = told();
    const rings = async (event: Partial<MillEvent>) => {
      await settled();
      let rung = false;
      const waiting = bell.wait(5_000, 800).then(() => (rung = true));
      await settled();
      tell({ event: "task.progress", task: "media_2" });
      await settled();
      expect(rung).toBe(false);
      tell(event);
      await waiting;
    };
    await rings({ event: "task.progress", task: "media_1" });
    await rings({ event: "missed" });
    expect(slept).toEqual([5_000, 5_000]);
    // What rings while nobody waits is not lost.
    await settled();
    tell({ event: "task.completed", task: "media_1" });
    await settled();
    await bell.wait(5_000, 800);
    expect(slept).toHaveLength(2);
    bell.stop();
    expect(isOpen()).toBe(false);
  });

  test("a mill that tells no events is asked more often", async () => {
    const { bell, tell, slept } = told();
    await settled();
    tell(new Error("not implemented"));
    await settled();
    await bell.wait(5_000, 800);
    void bell.wait(5_000, 800);
    await settled();
    expect(slept).toEqual([800]);
  });
});
