import type * as z from "zod/mini";
import type { ANSWERS } from "../../../src/worker/openapi/answers.ts";

// What the routes answer with, as `/openapi.json` describes it and the contract test holds it.
type Of<Name extends keyof typeof ANSWERS> = z.infer<(typeof ANSWERS)[Name]>;

export type AuditPage = Of<"AuditPage">;
export type Domain = Of<"Domain">;
export type DomainPage = Of<"DomainPage">;
export type Me = Of<"Me">;
export type Mill = Of<"Mill">;
export type Failures = Of<"Failures">;
export type Graph = Of<"Graph">;
export type Groups = Of<"Groups">;
export type Group = Of<"Group">;
export type Registry = Of<"Registry">;
export type Schedule = Of<"Schedule">;
export type SchedulePage = Of<"SchedulePage">;
export type Series = Of<"Series">;
export type Submitted = Of<"Submitted">;
export type TagKeys = Of<"TagKeys">;
export type TagValues = Of<"TagValues">;
export type Task = Of<"Task">;
export type TaskPage = Of<"TaskPage">;
export type Why = Of<"Why">;
export type Shown = Task["status"];
