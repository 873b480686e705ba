import { isTerminal } from "../../src/policy/status.ts";
import type { Shown } from "./api/answers.ts";

/** It will not change any more by itself. */
export const isEnded = (status: Shown): boolean => isTerminal(status);

/** It could run, and does not. */
export const isHeld = (status: Shown): boolean => !isEnded(status) && status !== "running";
