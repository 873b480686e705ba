import { useEffect, useState } from "preact/hooks";
import { duration } from "../../format.ts";

/** When a schedule fires, in words; the expression itself until the describing code is there, or where it knows none. */
export function useWords(cron: string | undefined, every: number | undefined): string {
  const [text, tell] = useState(cron ?? "");
  useEffect(() => {
    let current = true;
    if (cron !== undefined)
      describe(cron).then(
        (described) => current && tell(described),
        () => current && tell(cron),
      );
    return () => {
      current = false;
    };
  }, [cron]);
  return every === undefined ? text : `Every ${duration(every)}`;
}

async function describe(cron: string): Promise<string> {
  const { default: cronstrue } = await import("cronstrue");
  return cronstrue.toString(cron, { use24HourTimeFormat: true, verbose: true });
}
