import cronstrue from "cronstrue";
import { duration } from "../../format.ts";

/** When a schedule fires, in words; the expression itself where nobody can describe it. */
export function inWords(cron: string | undefined, every: number | undefined): string {
  if (cron === undefined) return `Every ${duration(every ?? 0)}`;
  try {
    return cronstrue.toString(cron, { use24HourTimeFormat: true, verbose: true });
  } catch {
    return cron;
  }
}
