/** How many domains are left idle for a while and then given one task each. */
export const COLD = 5;

/** Every domain of the bench Worker; each scenario has its own. */
export const DOMAINS = [
  "single",
  "callers",
  "batch100",
  "batch1000",
  "result100",
  "result1000",
  "keyed1",
  "keyed100",
  "keyed1000",
  "plaincost",
  "keyedcost",
  "keycost",
  "delaycost",
  "tagcost",
  "retrycost",
  "ttlcost",
  "forgottencost",
  "edgesinside",
  "edgesfrom",
  "edgesto",
  "purge",
  "purgetags",
  "idle",
  "delayed",
  "behind",
  "finished",
  ...Array.from({ length: COLD }, (_, index) => `cold${index}`),
] as const satisfies readonly string[];
