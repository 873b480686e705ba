import { inject } from "vitest";
import { TOKENS } from "./setup.ts";

export interface Seen {
  id: string;
  status: string;
  [field: string]: any;
}

/** The mill's API, past the dashboard: what an action did is read back here. */
export async function api<Answer = Seen>(path: string, method = "GET", body?: unknown): Promise<Answer> {
  const response = await fetch(`${inject("mill")}/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKENS.admin}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer as Answer;
}

/** A delivery to the partner; `path` says what becomes of it. */
export async function deliver(path: string, options: Record<string, unknown> = {}): Promise<string> {
  const url = `${inject("partner")}/${path}`;
  const { id } = await api("domains/http/tasks", "POST", { type: "deliver", payload: { url, body: { path } }, key: null, ...options });
  return id;
}

/** Lets go what waits at `/hold/{name}`, and what will. */
export async function release(name: string): Promise<void> {
  await (await fetch(`${inject("partner")}/release/${name}`)).text();
}

/** Polls a task until it is in this status. */
export async function reach(id: string, status: string): Promise<Seen> {
  return poll(`${id} to be ${status}`, async () => {
    const task = await api(`tasks/${id}`);
    return task.status === status ? task : undefined;
  });
}

/** Polls until there is an answer. */
export async function poll<Answer>(what: string, look: () => Promise<Answer | undefined>, limitMs = 60_000): Promise<Answer> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
