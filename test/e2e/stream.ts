/** Uniform numbers in [0, 1) from a seed (mulberry32), so that a failed run can be played again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One request of the stream: a single submit or a batch, all of one domain. */
export interface Parcel {
  domain: "watched" | "free" | "plain";
  idempotencyKey: string;
  numbers: number[];
}

/** Cuts `count` numbered tasks into singles and batches over the three domains. */
export function parcels(count: number, random: () => number): Parcel[] {
  const all: Parcel[] = [];
  for (let n = 0; n < count;) {
    const draw = random();
    const domain = draw < 0.3 ? "watched" : draw < 0.5 ? "free" : "plain";
    const size = Math.min(count - n, random() < 0.6 ? 1 : 2 + Math.floor(random() * 24));
    all.push({ domain, idempotencyKey: `parcel-${all.length}`, numbers: Array.from({ length: size }, (_, index) => n + index) });
    n += size;
  }
  return all;
}

/** What the stream was promised: the number that each acknowledged task carries, by its id. */
export class Acknowledged {
  readonly numberOf = new Map<string, number>();
  /** Requests that were sent again because their connection broke or the mill was starting. */
  repeated = 0;
  #stopped = false;

  /** Gives up on what is not acknowledged yet: the test is over. */
  stop(): void {
    this.#stopped = true;
  }

  /** Sends a parcel until it is acknowledged; a refusal (4xx) is an error. */
  async send(url: string, parcel: Parcel): Promise<void> {
    while (!this.#stopped) {
      const answer = await attempt(url, parcel);
      if (answer) {
        if (answer.length !== parcel.numbers.length) throw new Error(`${parcel.numbers.length} tasks sent, ${answer.length} acknowledged`);
        for (const [index, { outcome, id }] of answer.entries()) {
          if (outcome !== "inserted") throw new Error(`${parcel.idempotencyKey}[${index}] was answered with ${outcome}, id ${id}`);
          if (this.numberOf.has(id)) throw new Error(`${id} was given to two tasks`);
          this.numberOf.set(id, parcel.numbers[index] as number);
        }
        return;
      }
      this.repeated++;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }
}

type Outcomes = { outcome: string; id: string }[];

async function attempt(url: string, { domain, idempotencyKey, numbers }: Parcel): Promise<Outcomes | undefined> {
  const type = domain === "plain" ? "double" : "report";
  const tasks = numbers.map((n) => ({ type, payload: { n, ms: 10 + ((n * 7) % 80) } }));
  const single = tasks.length === 1;
  let status: number;
  let body: string;
  try {
    const response = await fetch(`${url}/v1/domains/${domain}/tasks${single ? "" : "/batch"}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
      body: JSON.stringify(single ? tasks[0] : { tasks }),
      signal: AbortSignal.timeout(30_000),
    });
    status = response.status;
    body = await response.text();
  } catch {
    return undefined;
  }
  if (status >= 500) return undefined;
  if (status >= 400) throw new Error(`${idempotencyKey} was refused: ${status} ${body}`);
  const answer = JSON.parse(body) as { outcomes: Outcomes } & Outcomes[number];
  return single ? [answer] : answer.outcomes;
}
