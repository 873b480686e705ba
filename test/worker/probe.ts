/** One execution as seen from outside the mill: its own sign of life, since one that the platform cuts off says no goodbye. */
interface Execution {
  id: string;
  seen: number;
}

/** An execution that gave no sign of life for so many ticks has been cut off. */
const SILENT = 2;

/**
 * Counts what executes, outside the mill: in the test's own memory. Every execution shows itself at every tick; the
 * count is taken at every tick and at every start.
 */
class Probe {
  tick = 0;
  most = 0;
  /** What must not be: too many at once, or a task in two executions. */
  readonly violations: string[] = [];
  private readonly cap: number;
  private readonly executions = new Set<Execution>();

  constructor(cap: number) {
    this.cap = cap;
  }

  enter(id: string): Execution {
    if (this.alive().some((one) => one.id === id)) this.violations.push(`${id} executes twice at tick ${this.tick}`);
    const execution = { id, seen: this.tick };
    this.executions.add(execution);
    this.count();
    return execution;
  }

  leave(execution: Execution): void {
    this.executions.delete(execution);
  }

  /** Time has gone on. */
  next(): void {
    this.tick += 1;
    this.count();
  }

  alive(): Execution[] {
    return [...this.executions].filter((one) => this.tick - one.seen < SILENT);
  }

  private count(): void {
    const alive = this.alive();
    this.most = Math.max(this.most, alive.length);
    if (alive.length > this.cap) this.violations.push(`${alive.length} at tick ${this.tick}: ${alive.map((one) => one.id).join(" ")}`);
  }
}

/** The probe of the test file that is running. */
export const probe = new Probe(8);
