import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { buildDashboardIfStale } from "./dashboard.mjs";
import { root, toolEnvironment } from "./install.mjs";

/** Signs the webhooks of a mill on this machine; a deployed one has its own, by `wrangler secret put WEBHOOK_SECRET`. */
export const LOCAL_WEBHOOK_SECRET = "local-development-only";
/** What a mill on this machine may reach although it is private. */
export const LOCAL_HOSTS = "127.0.0.1,localhost,::1";

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 5_000;
const POLL_MS = 100;
const isWindows = process.platform === "win32";

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A TCP port of this machine: `wanted`, or any free one for 0.
 *
 * @param {number} wanted
 * @returns {Promise<number | undefined>} undefined when somebody listens on it already
 */
export async function freePort(wanted) {
  /** @param {string | undefined} host @returns {Promise<number | undefined>} */
  const probe = (host) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", (error) => resolve("code" in error && error.code === "EADDRINUSE" ? undefined : wanted));
      server.listen({ port: wanted, host, exclusive: true }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === "object" && address ? address.port : wanted));
      });
    });
  const port = await probe("127.0.0.1");
  // A server on all addresses does not always stand in the way of one on a single address.
  return port === undefined || wanted === 0 ? port : probe(undefined);
}

/**
 * Starts the example Worker under `wrangler dev` with open auth and waits until `/healthz` answers.
 *
 * @param {{ port: number, persistTo?: string, onOutput?: (text: string) => void, onEnd?: (code: number | null) => void }} options
 * `onOutput` gets what is printed once it is up, `onEnd` is called when it ends by itself afterwards
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 * @throws Error with everything that was printed when it does not come up
 */
export async function startDev({ port, persistTo, onOutput, onEnd }) {
  buildDashboardIfStale();
  const vars = { MILLRACE_AUTH: "open", MILLRACE_MODE: "local", ALLOW_PRIVATE: LOCAL_HOSTS, WEBHOOK_SECRET: LOCAL_WEBHOOK_SECRET };
  const settings = Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const data = persistTo === undefined ? [] : ["--persist-to", persistTo];
  const network = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  // Not by way of `bin/wrangler.js`: that is one more process between a signal and the one that has to hear it.
  const wrangler = join(root, "node_modules", "wrangler", "wrangler-dist", "cli.js");
  const child = spawn(
    join(root, "node_modules", ".bin", isWindows ? "node.cmd" : "node"),
    ["--no-warnings", wrangler, "dev", ...network, ...data, ...settings, "--show-interactive-dev-session=false"],
    {
      cwd: root,
      // Never a question: with CI set, wrangler takes its defaults.
      env: { ...toolEnvironment(), CI: "1", WRANGLER_HIDE_BANNER: "true" },
      stdio: ["ignore", "pipe", "pipe"],
      shell: isWindows,
    },
  );
  let printed = "";
  let up = false;
  let stopping = false;
  /** @param {Buffer} chunk */
  const keep = (chunk) => {
    if (up) onOutput?.(chunk.toString());
    else printed += chunk.toString();
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.on("error", (error) => keep(Buffer.from(`${error}\n`)));
  const ended = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  child.on("exit", (code) => {
    if (up && !stopping) onEnd?.(code);
  });
  // A polite one: wrangler takes its workerd with it, also when this process is gone already.
  const leave = () => child.kill("SIGTERM");
  process.once("exit", leave);
  const stop = async () => {
    stopping = true;
    leave();
    for (let waited = 0; !ended() && waited < STOP_LIMIT_MS; waited += POLL_MS) await pause(POLL_MS);
    if (!ended()) child.kill("SIGKILL");
    process.removeListener("exit", leave);
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await isHealthy(url))) {
    // After a build that failed wrangler waits for the next change of a file; nobody makes one here.
    if (!ended() && performance.now() < deadline && !printed.includes("Build failed")) await pause(POLL_MS);
    else {
      const why = ended() ? `ended with code ${child.exitCode}` : "did not come up";
      await stop();
      throw new Error(`wrangler dev ${why}. It said:\n${printed}`);
    }
  }
  up = true;
  return { url, stop };
}

/** @param {string} url */
async function isHealthy(url) {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
