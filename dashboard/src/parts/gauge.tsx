import { number } from "../format.ts";

interface Props {
  /** What is measured, for people who cannot see it. */
  label: string;
  value: number;
  /** null: no bound. */
  max: number | null;
}

/** How much of something bounded is in use. */
export function Gauge({ label, value, max }: Props) {
  const share = max === null || max === 0 ? 0 : Math.min(1, value / max);
  const text = max === null ? number(value) : `${number(value)} of ${number(max)}`;
  return (
    <span class="gauge" title={`${label}: ${text}`}>
      <span class="gauge-text">
        {number(value)}
        {max === null ? null : <span class="dim">/{number(max)}</span>}
      </span>
      {max === null ? null : (
        <span class="bar" role="meter" aria-label={label} aria-valuenow={value} aria-valuemin={0} aria-valuemax={max}>
          <span class={share >= 1 ? "fill is-full" : "fill"} style={{ width: `${share * 100}%` }} />
        </span>
      )}
    </span>
  );
}
