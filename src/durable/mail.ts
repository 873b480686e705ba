import type { Graph } from "../domains/task.ts";
import type { RunChild, RunDependency } from "./protocol.ts";

/** One message on its way to another domain; kinds and bodies are `messages.ts`'s. */
export interface Delivery {
  /** Grows with every message of the sender. */
  id: number;
  kind: string;
  body: unknown;
}

/** What the target made of a message; an error: it is sent again later. */
export type DeliveryAnswer = { answer: unknown } | { error: string };

/** From which tasks on (of another domain: from what depends on them here), in which direction, at most how many. */
export interface GraphPart {
  ids: string[];
  direction: "up" | "parents" | "children" | "down";
  room: number;
  /** Not to be told again. */
  known: string[];
}

/** The part of a graph that lies in one domain. */
export interface GraphAnswer {
  nodes: Graph["nodes"];
  edges: Graph["edges"];
  /** Where it goes on: which domain to ask, from which task on. */
  beyond: [domain: string, id: string][];
  truncated: boolean;
}

/** What can be asked of a domain by another object, or by its runner; nothing changes by it. */
export interface Questions {
  /** Which of these counters are no tasks of the domain. */
  unknown: { body: number[]; answer: number[] };
  graphPart: { body: GraphPart; answer: GraphAnswer };
  /** What these wait for: how many tasks, which of other domains are among them, and which of the marked ones. */
  above: { body: { from: number[]; marked?: number[] }; answer: { seen: number; beyond: string[]; met: string[] } };
  /** A task, its parent, and so on, as full ids: as far as they are of the domain, and the first one that is not. */
  lineage: { body: number; answer: string[] };
  /** What the domain knows of a task of another one, on which its own depend, with the copy of its result; null: nothing. */
  copyOf: { body: string; answer: RunDependency | null };
  /** What the domain knows of a child that a task of it has in another one, with the copies of result and error; null: nothing. */
  childCopy: { body: { parent: number; child: string }; answer: RunChild | null };
}
export type QuestionName = keyof Questions;

/** What Domain objects want of each other; nobody else calls these. */
export interface Neighbour {
  ask<Kind extends QuestionName>(kind: Kind, body: Questions[Kind]["body"]): Promise<Questions[Kind]["answer"]>;
  /** What another domain tells, in its order; an answer for each. */
  deliver(from: string, messages: Delivery[]): Promise<DeliveryAnswer[]>;
}
