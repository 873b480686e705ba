import { now } from "../clock.ts";
import { moment, relative } from "../format.ts";

/** A moment, as far from now; the exact one when pointed at, or beside it with `both`. */
export function When({ at, both }: { at: string; both?: boolean }) {
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={moment(ms)}>
      {relative(ms, now.value)}
      {both ? <span class="dim"> · {moment(ms)}</span> : null}
    </time>
  );
}
