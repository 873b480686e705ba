// A pull worker in plain Node (20 or newer), without any package: claims tasks over HTTP, does them, keeps their leases.
//
//   MILLRACE_URL=https://jobs.example.com MILLRACE_TOKEN=… MILLRACE_DOMAIN=media node worker.mjs
//
// The token needs the role `worker`. Stop it with Ctrl-C or SIGTERM: it gives back what it holds.
import { setTimeout as sleep } from "node:timers/promises";

const url = process.env.MILLRACE_URL ?? "http://127.0.0.1:8787";
const domain = process.env.MILLRACE_DOMAIN ?? "media";
const worker = process.env.MILLRACE_WORKER ?? `node-${process.pid}`;
const types = process.env.MILLRACE_TYPES?.split(",");
const lease = process.env.MILLRACE_LEASE ?? "20s";

/** The work itself: returns the result; a throw is retried by the task's policy. `signal` is aborted when nobody wants it any more. */
async function work(task, { signal, progress }) {
  const steps = task.payload?.steps ?? 1;
  for (let step = 0; step < steps; step++) {
    await sleep(task.payload?.ms ?? 10, undefined, { signal });
    progress((step + 1) / steps);
  }
  if (task.payload?.fail) throw new Error(task.payload.fail);
  return {
    words: String(task.payload?.text ?? "")
      .split(/\s+/)
      .filter(Boolean).length,
    by: worker,
  };
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => stopping.abort());

async function post(path, body = {}) {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(process.env.MILLRACE_TOKEN ? { authorization: `Bearer ${process.env.MILLRACE_TOKEN}` } : {}),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { detail = `the mill answered ${response.status}`, code = "unknown" } = answer;
  throw Object.assign(new Error(detail), { code, status: response.status });
}

/** Says how it ended, again where nobody answers: the work is done, and the lease is still renewed. */
async function settle(id, verb, body) {
  for (let tries = 1; ; tries++) {
    try {
      return await post(`/v1/claims/${id}/${verb}`, body);
    } catch (error) {
      // What the mill refuses it refuses again; no answer, or 503, says nothing about the task.
      if ((error.status !== undefined && error.status !== 503) || tries === 5) throw error;
      await sleep(500 * 2 ** tries);
    }
  }
}

async function perform({ lease: id, leaseUntil, task }, leaseMs) {
  const stop = new AbortController();
  let fraction = 0;
  // A third of the lease: two renewals may fail before it ends.
  const beat = setInterval(async () => {
    try {
      const { cancelled } = await post(`/v1/claims/${id}/renew`, { progress: fraction });
      if (cancelled) stop.abort();
    } catch (error) {
      if (error.code === "lease_lost") stop.abort();
    }
  }, leaseMs / 3);
  const giveBack = () => stop.abort();
  stopping.signal.addEventListener("abort", giveBack);
  try {
    const end = await work(task, { signal: stop.signal, progress: (value) => (fraction = value) }).then(
      (result) => ["complete", { result }],
      ({ name, message, stack }) => (stop.signal.aborted ? ["release"] : ["fail", { error: { name, message, stack } }]),
    );
    const { status } = await settle(id, ...end);
    console.log(`${task.id} ${status}`);
  } catch (error) {
    // Somebody else has the task by now: whatever this worker says counts no more.
    if (error.code !== "lease_lost") throw error;
    console.log(`${task.id} lost, it was ours until ${leaseUntil}`);
  } finally {
    clearInterval(beat);
    stopping.signal.removeEventListener("abort", giveBack);
  }
}

while (!stopping.signal.aborted) {
  try {
    const { claims } = await post(`/v1/domains/${domain}/claims`, { worker, lease, wait: "10s", ...(types ? { types } : {}) });
    for (const claim of claims) await perform(claim, Date.parse(claim.leaseUntil) - Date.parse(claim.task.startedAt));
  } catch (error) {
    console.error(`${error.message}; asking again`);
    await sleep(1_000, undefined, { signal: stopping.signal }).catch(() => {});
  }
}
