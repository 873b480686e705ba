/** The middle of the values; of two, their mean. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which that share of them lies, interpolated. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `25,400`. */
export const count = (value: number): string => whole.format(value);
/** Two significant figures or more: `2.03`, `0.0004`. */
export const figure = (value: number): string => (value >= 100 ? count(value) : String(Number(value.toPrecision(value >= 1 ? 3 : 2))));
export const ms = (value: number): string => `${value >= 100 ? count(value) : value.toFixed(1)} ms`;
/** `0.42×`. */
export const times = (value: number): string => `${value.toFixed(2)}×`;
