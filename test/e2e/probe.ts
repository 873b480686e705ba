import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Execution {
  task: string;
  life: string;
  open: boolean;
}

/** Counts from outside the mill what its executors say: who started, who ended, how many at once. */
export class Probe {
  readonly #server: Server;
  readonly #executions = new Map<string, Execution>();
  readonly #open = new Map<string, number>();
  readonly #most = new Map<string, number>();
  #life = "";

  private constructor() {
    this.#server = createServer((request, response) => {
      const query = new URL(request.url ?? "/", "http://probe").searchParams;
      this.#report(query);
      request.resume();
      response.end("noted");
    });
    // Executors of a killed mill leave their connections behind.
    this.#server.keepAliveTimeout = 1_000;
  }

  /** Listens on a loopback port. */
  static async start(): Promise<Probe> {
    const probe = new Probe();
    await new Promise<void>((resolve) => probe.#server.listen(0, "127.0.0.1", resolve));
    return probe;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on only executions of this life count as running. */
  begin(life: string): void {
    this.#life = life;
  }

  /** The mill was killed: whatever it was executing has ended, and what is still in the sockets comes from the dead. */
  cut(): number {
    this.#life = "";
    let cut = 0;
    for (const execution of this.#executions.values()) {
      if (!execution.open) continue;
      this.#close(execution);
      cut++;
    }
    return cut;
  }

  /** How often each task was started. */
  get starts(): Map<string, number> {
    const starts = new Map<string, number>();
    for (const { task } of this.#executions.values()) starts.set(task, (starts.get(task) ?? 0) + 1);
    return starts;
  }

  /** The most executions that were ever under way at once: of a domain, or of all. */
  most(domain?: string): number {
    return this.#most.get(domain ?? "") ?? 0;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #report(query: URLSearchParams): void {
    const id = query.get("execution") ?? "";
    const execution = this.#executions.get(id);
    if (query.get("what") === "end") {
      if (execution?.open) this.#close(execution);
      return;
    }
    const life = query.get("life") ?? "";
    const started: Execution = { task: query.get("task") ?? "", life, open: life === this.#life };
    this.#executions.set(id, started);
    if (started.open) this.#count(started.task, 1);
  }

  #close(execution: Execution): void {
    execution.open = false;
    this.#count(execution.task, -1);
  }

  #count(task: string, change: number): void {
    const domain = task.slice(0, task.lastIndexOf("_"));
    for (const scope of ["", domain]) {
      const open = (this.#open.get(scope) ?? 0) + change;
      this.#open.set(scope, open);
      this.#most.set(scope, Math.max(open, this.#most.get(scope) ?? 0));
    }
  }
}
