import type { Task } from "../../src/domains/task.ts";

const POLL_MS = 100;
const REQUEST_LIMIT_MS = 30_000;

/** The few requests that the demo makes, over plain HTTP as any language would. */
export class MillHttp {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, "");
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Puts a file where `ingest.fetch` finds it. */
  async upload(key: string, bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<void> {
    await this.#ask("PUT", `/uploads/${key}`, { body: bytes, headers: { "content-type": contentType } });
  }

  /** A file from the Worker's bucket. */
  async download(object: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#ask("GET", `/files/${object}`)).arrayBuffer());
  }

  /** Submits one task; answers with its id. */
  async submit(domain: string, type: string, payload: unknown): Promise<string> {
    const response = await this.#ask("POST", `/v1/domains/${domain}/tasks`, {
      body: JSON.stringify({ type, payload }),
      headers: { "content-type": "application/json" },
    });
    return ((await response.json()) as { id: string }).id;
  }

  /** Reads a task again and again until it has ended, showing it each time. */
  async follow(id: string, deadline: number, show: (task: Task) => void): Promise<Task> {
    for (;;) {
      const task = (await (await this.#ask("GET", `/v1/tasks/${id}`)).json()) as Task;
      show(task);
      if (task.finishedAt !== null) return task;
      if (performance.now() > deadline)
        throw new Error(
          `${id} (${task.domain}.${task.type}) is still ${task.status}; last error: ${task.errors.at(-1)?.message ?? "none"}.`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const response = await fetch(`${this.url}${path}`, { ...init, method, headers: { ...this.#headers, ...init.headers }, signal }).catch(
      (cause: unknown) => {
        throw new Error(`There is no mill at ${this.url}, or it does not answer: ${method} ${path} failed.`, { cause });
      },
    );
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    return response;
  }
}
