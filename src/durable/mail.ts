/** One message on its way to another domain; kinds and bodies are `messages.ts`'s. */
export interface Delivery {
  /** Grows with every message of the sender. */
  id: number;
  kind: string;
  body: unknown;
}

/** What the target made of a message; an error: it is sent again later. */
export type DeliveryAnswer = { answer: unknown } | { error: string };

/** What Domain objects ask of each other; nobody else calls these. */
export interface Neighbour {
  /** Which of these counters are no tasks of the domain. */
  unknown(counters: number[]): Promise<number[]>;
  /** What another domain tells, in its order; an answer for each. */
  deliver(from: string, messages: Delivery[]): Promise<DeliveryAnswer[]>;
}
