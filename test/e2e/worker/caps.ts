/** Of the whole mill. */
export const MILL_CAP = 6;
/** Of the domain whose executions the probe counts. */
export const WATCHED_CAP = 4;
