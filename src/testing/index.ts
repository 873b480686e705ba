export { runTask, RunTaskError } from "./run-task.ts";
export type { LogLine, RunTaskAnswer, RunTaskOptions, Witnessed } from "./run-task.ts";
export type { RecordedSpawn, RecordedSubmit } from "./record.ts";
export { waitForTask } from "./wait-for-task.ts";
export type { WaitForTaskOptions } from "./wait-for-task.ts";
