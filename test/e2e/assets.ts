import { buildDashboardIfStale } from "../../scripts/dashboard.mjs";

/** The mill of the repository serves its dashboard: without its files `wrangler dev` does not start. */
export function setup(): void {
  buildDashboardIfStale();
}
