interface Props {
  /** Oldest first. */
  values: readonly number[];
  label: string;
}

const WIDTH = 120;
const HEIGHT = 28;

/** A line without axes: the shape of the last while. */
export function Spark({ values, label }: Props) {
  const most = Math.max(1, ...values);
  const step = values.length > 1 ? WIDTH / (values.length - 1) : WIDTH;
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`);
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      {points.length > 1 ? (
        <>
          <polygon class="spark-area" points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} />
          <polyline class="spark-line" points={points.join(" ")} />
        </>
      ) : null}
    </svg>
  );
}
