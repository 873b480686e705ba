import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Node 24, as installed with the other tools; the one that runs `npm` may be older. */
export const NODE = join(ROOT, "node_modules", ".bin", "node");

const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 60_000;

/** The environment of every process a test starts: quiet, sends nothing anywhere, keeps its notes in `home`. */
export function environment(home: string): Record<string, string> {
  return {
    PATH: `${join(ROOT, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`,
    HOME: process.env.HOME ?? home,
    TMPDIR: tmpdir(),
    CI: "1",
    NO_COLOR: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_REGISTRY_PATH: join(home, "registry"),
    WRANGLER_LOG_PATH: join(home, "logs"),
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    MINIFLARE_CACHE_DIR: join(home, "cache"),
  };
}

/** A temporary folder, and how to be rid of it. */
export function temporary(name: string): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), `millrace-${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A TCP port nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/** The living processes that belong to a process group, or that inherited the mark however far they went; zombies are dead. */
function livingOf(group: number, mark: string): number[] {
  if (!existsSync("/proc/self/stat")) {
    try {
      process.kill(-group, 0);
      return [group];
    } catch {
      return [];
    }
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && belongs(name, group, mark))
    .map(Number);
}

function belongs(pid: string, group: number, mark: string): boolean {
  try {
    // "pid (comm) state ppid pgrp …"; the command's name may hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") return false;
    return Number(pgrp) === group || readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark);
  } catch {
    // Gone between the listing and the look, or somebody else's.
    return false;
  }
}

/** Polls `condition` until it holds; throws with `what` when it never does. */
export async function until(what: () => string, condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Waits on a pipe from this process; when that breaks, because the test ended in whatever way, kills what was started.
 * `$0` is the process group, `$1` the mark in the environment of whoever left it.
 */
const WATCHDOG = `read -r _; kill -9 -- "-$0"; grep -lsz -- "$1" /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -9`;

/** A command with a process group of its own, so that everything it starts can be ended with it. */
export class Group {
  readonly child: ChildProcess;
  readonly #watchdog: ChildProcess;
  /** Inherited by whatever it starts, process groups of their own included. */
  readonly #mark = `MILLRACE_TEST_GROUP=${randomUUID()}`;
  #output = "";

  constructor(command: string, args: string[], options: { cwd: string; env: Record<string, string> }) {
    const [name, value] = this.#mark.split("=") as [string, string];
    const env = { ...options.env, [name]: value };
    this.child = spawn(command, args, { cwd: options.cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    this.child.stdout?.on("data", keep);
    this.child.stderr?.on("data", keep);
    // Spawn errors show up as an exit; the output tells what happened.
    this.child.on("error", (error) => keep(Buffer.from(String(error))));
    const watch = ["-c", WATCHDOG, String(this.child.pid), this.#mark];
    this.#watchdog = spawn("sh", watch, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    this.#watchdog.unref();
  }

  /** What it has printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  get living(): number[] {
    return this.child.pid === undefined ? [] : livingOf(this.child.pid, this.#mark);
  }

  /** SIGKILL for every process of the group, and the wait until none is left. */
  async kill9(): Promise<void> {
    this.#kill();
    await this.#gone();
  }

  /** Ctrl-C, which reaches the whole group as in a terminal; `kill9` when something goes on. Tells whether nothing had to be killed. */
  async interrupt(): Promise<boolean> {
    this.#signal("SIGINT");
    try {
      await this.#gone();
      return true;
    } catch {
      await this.kill9();
      return false;
    }
  }

  async #gone(): Promise<void> {
    await until(
      () => `processes ${this.living.join(", ")} to end`,
      () => this.living.length === 0,
      STOP_LIMIT_MS,
    );
    this.#watchdog.kill("SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, signal);
    } catch {
      // Nobody left to signal.
    }
  }

  #kill(): void {
    this.#signal("SIGKILL");
    for (const pid of this.living) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
  }
}

/** What a mill is started from. */
export interface MillOptions {
  /** The folder of the `wrangler.toml`. */
  folder: string;
  /** Where its data lives from one start to the next, and its logs. */
  home: string;
  /** Several Workers at once, by their `wrangler.toml`: the first has the address, the others are bound to it. */
  configs?: readonly string[];
  /** A path that answers as soon as it is up, whatever its status; default `/healthz`, with 200. */
  ready?: string;
  /** Extra `[vars]`. */
  vars?: Record<string, string>;
}

/** A mill under a real `wrangler dev`, which can be killed and started again on the same data and port. */
export class Mill {
  readonly #options: MillOptions;
  readonly #port: number;
  #group: Group | undefined;

  private constructor(options: MillOptions, port: number) {
    this.#options = options;
    this.#port = port;
  }

  /** Starts `wrangler dev` and waits until `/healthz` answers. */
  static async start(options: MillOptions): Promise<Mill> {
    const mill = new Mill(options, await freePort());
    await mill.restart();
    return mill;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What `wrangler dev` has printed since its last start. */
  get output(): string {
    return this.#group?.output ?? "";
  }

  /** Starts it again, with other `[vars]` when given, and waits until `/healthz` answers. */
  async restart(vars: Record<string, string> = {}): Promise<void> {
    await this.kill9();
    const all = Object.entries({ ...this.#options.vars, ...vars }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
    const network = ["--ip", "127.0.0.1", "--port", String(this.#port), "--inspector-port", "0"];
    const data = ["--persist-to", join(this.#options.home, "data"), "--show-interactive-dev-session=false"];
    const configs = (this.#options.configs ?? []).flatMap((path) => ["-c", path]);
    const group = new Group(NODE, [wrangler, "dev", ...configs, ...network, ...data, ...all], {
      cwd: this.#options.folder,
      env: environment(this.#options.home),
    });
    this.#group = group;
    try {
      await until(
        () => "/healthz to answer",
        () => this.#healthy(group),
        START_LIMIT_MS,
      );
    } catch (error) {
      await this.kill9();
      throw new Error(`wrangler dev did not start: ${String(error)}\n${group.output}`, { cause: error });
    }
  }

  async #healthy(group: Group): Promise<boolean> {
    if (group.exited) throw new Error("it ended");
    try {
      const { ready } = this.#options;
      const response = await fetch(`${this.url}${ready ?? "/healthz"}`, { signal: AbortSignal.timeout(5_000) });
      await response.arrayBuffer();
      return response.ok || ready !== undefined;
    } catch {
      return false;
    }
  }

  /** SIGKILL, with no time to say goodbye, for wrangler, workerd and everything else it started. Nothing is left behind. */
  async kill9(): Promise<void> {
    await this.#group?.kill9();
    this.#group = undefined;
  }

  /** Ctrl-C; throws when something had to be killed. */
  async stop(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    if (group && !(await group.interrupt())) throw new Error(`wrangler dev did not end on SIGINT:\n${group.output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }
}
