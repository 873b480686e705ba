import type { Entry } from "../../policy/events/ring.ts";

interface Dataset {
  writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void;
}

const BINDING = "MILLRACE_ANALYTICS";

/**
 * Writes what happens into the Analytics Engine dataset bound as `MILLRACE_ANALYTICS`, where there is one: a point for each
 * event and type, with how many tasks it is about. Undefined: none is bound.
 */
export function analyticsOf(env: unknown, domain: string): ((entry: Entry) => void) | undefined {
  const dataset = (env as Record<string, Partial<Dataset> | undefined> | null | undefined)?.[BINDING];
  if (typeof dataset?.writeDataPoint !== "function") return undefined;
  return (entry) => {
    const points = new Map<string, { count: number; ms: number }>();
    for (const { type = "", durationMs } of entry.make()) {
      const point = points.get(type) ?? { count: 0, ms: 0 };
      point.count += 1;
      point.ms += typeof durationMs === "number" ? durationMs / entry.count : 0;
      points.set(type, point);
    }
    for (const [type, { count, ms }] of points) {
      try {
        (dataset as Dataset).writeDataPoint({ indexes: [domain], blobs: [entry.event, type], doubles: [count, ms] });
      } catch (error) {
        console.warn(JSON.stringify({ message: "a point could not be written to Analytics Engine", domain, error: String(error) }));
      }
    }
  };
}
