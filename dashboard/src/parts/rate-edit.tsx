import { rate as written } from "../format.ts";
import { type Settable, Setting } from "./setting.tsx";

/** A token bucket, as the mill shows it. */
interface Rate {
  permits: number;
  perMs: number;
  burst: number;
  available: number;
}

/** As the mill takes it. */
interface Wanted {
  permits: number;
  per: string;
  burst?: number;
}

interface Props extends Settable {
  rate: Rate | null;
  save: (rate: Wanted | null) => Promise<string>;
}

const WRITTEN = /^(\d+) per (\d*) ?(ms|s|m|h|d)(?:, burst (\d+))?$/;

/** A rate limit that can be changed while it runs, written `10 per 1s` or `10 per 1s, burst 20`. */
export function RateEdit({ rate, ...others }: Props) {
  const note = rate === null ? null : <span class="dim">{Math.floor(rate.available)} left</span>;
  return (
    <Setting
      {...others}
      shown={rate === null ? "" : written(rate)}
      none="none"
      placeholder="none, or 10 per 1s"
      note={note}
      read={readRate}
    />
  );
}

function readRate(text: string): Wanted | null | undefined {
  if (text === "") return null;
  const [, permits, count, unit, burst] = WRITTEN.exec(text) ?? [];
  if (permits === undefined) return undefined;
  return { permits: Number(permits), per: `${count === "" ? 1 : count}${unit}`, ...(burst === undefined ? {} : { burst: Number(burst) }) };
}
