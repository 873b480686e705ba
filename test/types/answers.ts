import type * as z from "zod/mini";
import type { Graph, Json, Outcome, Schedule, Task } from "../../src/domains/task.ts";
import type {
  BulkJob,
  BulkMatch,
  Claim,
  DomainSnapshot,
  Drained,
  Failures,
  Renewal,
  SeriesView,
  TagKeys,
  TagValues,
} from "../../src/durable/protocol.ts";
import type { CoordinatorSnapshot, GroupPauseView, PressureView } from "../../src/policy/coordination/protocol.ts";
import type { Why } from "../../src/policy/why.ts";
import type { AnswerName, ANSWERS } from "../../src/worker/openapi/answers.ts";

// Each answer that RPC has a type for is described field by field the same in src/worker/openapi/answers.ts: a field that one
// side has and the other has not makes `false`, which `Agreed` does not take.
type Deep<Value> = Json extends Value ? Json : Value extends object ? { [Key in keyof Value]: Deep<Value[Key]> } : Value;
type Same<Left, Right> = (<T>() => T extends Deep<Left> ? 1 : 2) extends <T>() => T extends Deep<Right> ? 1 : 2 ? true : false;
type Agreed<Checks extends Record<string, true>> = Checks;
type Of<Name extends AnswerName> = z.infer<(typeof ANSWERS)[Name]>;

export type Answers = Agreed<{
  task: Same<Of<"Task">, Task>;
  outcome: Same<Of<"Outcome">, Outcome>;
  schedule: Same<Of<"Schedule">, Schedule>;
  domain: Same<Of<"Domain">, DomainSnapshot>;
  drained: Same<Of<"Drained">, DomainSnapshot & Drained>;
  bulkJob: Same<Of<"BulkJob">, BulkJob>;
  bulkMatch: Same<Of<"BulkMatch">, BulkMatch>;
  tagKeys: Same<Of<"TagKeys">, TagKeys>;
  tagValues: Same<Of<"TagValues">, TagValues>;
  failures: Same<Of<"Failures">, Failures>;
  series: Same<Of<"Series">, SeriesView>;
  graph: Same<Of<"Graph">, Graph>;
  why: Same<Of<"Why">, Why>;
  claims: Same<Of<"Claims">["claims"][number], Claim>;
  renewal: Same<Of<"Renewal">, Renewal>;
  mill: Same<Of<"Mill">, CoordinatorSnapshot>;
  groupPause: Same<Of<"GroupPause">, GroupPauseView>;
  pressure: Same<Of<"Pressure">, PressureView>;
}>;

// @ts-expect-error A field too few is noticed.
export type Fewer = Agreed<{ task: Same<Omit<Of<"Task">, "deadline">, Task> }>;
// @ts-expect-error So is one that may be missing on one side only.
export type Looser = Agreed<{ renewal: Same<Partial<Of<"Renewal">>, Renewal> }>;
