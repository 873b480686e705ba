import { AXES, type Axis, type IoByAxis } from "./io.ts";

/** A sample is taken after so much time in which something ran; how much the newest of them counts. */
const SAMPLE_MS = 1_000;
const NEWEST = 0.3;
/** What runs may expect at most what is moved in that time, less a margin. */
const AHEAD_S = 2;
const MARGIN = 0.8;

interface Gauge {
  /** What is under way that declares it: how many, and the bytes that they expect. */
  count: number;
  expected: number;
  /** Since when there is any (epoch ms); before that, since the last sample: for how long, and what was moved. */
  since: number;
  busyMs: number;
  bytes: number;
  /** Bytes a second; undefined: never observed. */
  rate: number | undefined;
}

/** What of a budget is used up. */
export interface Overdraft {
  axis: Axis;
  /** Bytes that what is under way expects. */
  running: number;
  own: number;
  limit: number;
  /** Bytes a second. */
  rate: number;
}

/**
 * How much is under way on each axis, and how fast it moves: the bytes that ended tasks recorded, by the time in which any that
 * declares the axis ran, smoothed. An axis on which nobody recorded anything has no rate, and no limit.
 */
export class IoMeter {
  private readonly gauges: Record<Axis, Gauge>;

  /** @param rates what was observed before, in bytes a second */
  constructor(rates: IoByAxis = {}) {
    const gauge = (axis: Axis): Gauge => ({ count: 0, expected: 0, since: 0, busyMs: 0, bytes: 0, rate: rates[axis] });
    this.gauges = Object.fromEntries(AXES.map((axis) => [axis, gauge(axis)])) as Record<Axis, Gauge>;
  }

  /** What was observed, in bytes a second. */
  get rates(): IoByAxis {
    const rates: IoByAxis = {};
    for (const axis of AXES) if (this.gauges[axis].rate !== undefined) rates[axis] = this.gauges[axis].rate;
    return rates;
  }

  /** A task that expects so much is under way. */
  begin(expected: IoByAxis, now: number): void {
    for (const [axis, bytes] of each(expected)) {
      const gauge = this.gauges[axis];
      if (gauge.count === 0) gauge.since = now;
      gauge.count += 1;
      gauge.expected += bytes;
    }
  }

  /**
   * It is not any more.
   *
   * @param actual what it recorded; absent: nothing, or it never ran
   * @returns whether a rate has changed
   */
  end(expected: IoByAxis, now: number, actual: IoByAxis = {}): boolean {
    let isNews = false;
    for (const [axis, bytes] of each(expected)) {
      const gauge = this.gauges[axis];
      gauge.bytes += actual[axis] ?? 0;
      gauge.busyMs += Math.max(0, now - gauge.since);
      gauge.since = now;
      gauge.count -= 1;
      gauge.expected -= bytes;
      if (gauge.busyMs >= SAMPLE_MS) isNews = sample(gauge) || isNews;
    }
    return isNews;
  }

  /** Why a task that expects so much may not start; undefined: it may. Where nothing is under way, it always may. */
  overdraft(expected: IoByAxis): Overdraft | undefined {
    for (const [axis, own] of each(expected)) {
      const { count, expected: running, rate } = this.gauges[axis];
      if (count === 0 || rate === undefined) continue;
      const limit = Math.round(MARGIN * rate * AHEAD_S);
      if (running + own > limit) return { axis, running, own, limit, rate: Math.round(rate) };
    }
    return undefined;
  }
}

const each = (io: IoByAxis) => Object.entries(io) as [Axis, number][];

/** Nobody recorded a byte: that says nothing of how fast it is. */
function sample(gauge: Gauge): boolean {
  const { bytes, busyMs, rate } = gauge;
  gauge.bytes = 0;
  gauge.busyMs = 0;
  if (bytes === 0) return false;
  const seen = (bytes * 1_000) / busyMs;
  gauge.rate = rate === undefined ? seen : rate + NEWEST * (seen - rate);
  return true;
}
