import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { analyticsOf } from "../../src/durable/stream/analytics.ts";
import { BOUNDS, COUNTED, type DomainFigures, observe } from "../../src/policy/figures.ts";
import type { MillFigures } from "../../src/policy/coordination/protocol.ts";
import { METRICS, metricsText } from "../../src/worker/metrics.ts";

const figures: DomainFigures = {
  statuses: { pending: 3, scheduled: 0, running: 1, blocked: 0, paused: 0, waiting: 2, completed: 40, failed: 2 },
  types: {
    resize: {
      n: COUNTED.map((_, index) => index),
      wait: observe(observe(undefined, BOUNDS.seconds, 0.02), BOUNDS.seconds, 4_000),
      run: { completed: observe(undefined, BOUNDS.seconds, 1, 3), failed: observe(undefined, BOUNDS.seconds, 2) },
    },
  },
  sizes: {
    batches: 1,
    batch: observe(undefined, BOUNDS.tasks, 100),
    completion: observe(undefined, BOUNDS.tasks, 7),
    failure: observe(undefined, BOUNDS.tasks, 1),
  },
  held: { denials: { gate: 3, pressure: 40 }, throttles: { resize: 2 } },
  rates: { resize: { permits: 2, perMs: 1_000, burst: 10, bucket: [1, 1_795_000_000_000] }, idle: { permits: 1, perMs: 1_000, burst: 5 } },
  purged: 5,
  cap: 4,
  oldestPendingMs: 1_500,
  cost: { rowsRead: 10, rowsWritten: 20, coordinatorCalls: 3, requests: 7 },
};
const mill = {
  maxConcurrency: 16,
  paused: false,
  pausedGroups: [],
  groups: [
    { name: "acme", rate: { permits: 1, perMs: 1_000, burst: 1, available: 1 } },
    { name: "free", rate: null },
  ],
  pressure: { composite: 0.5, sources: { api: { value: 0.5, remainingMs: 1 } } },
  holders: [{ domain: "media", granted: 2, using: 1, wanting: 0, syncedMsAgo: 0 }],
  domains: [{ domain: "media", at: 1_795_000_000_000, figures }],
  groupPauses: { acme: { paused: 1, resumed: 0 } },
  groupThrottles: { acme: 7 },
  at: 1_795_000_002_000,
} as unknown as MillFigures;

describe("[metrics] the text", () => {
  const text = metricsText(mill);

  it("has every metric, each once, with its help and type", () => {
    for (const [name, [kind]] of Object.entries(METRICS)) {
      expect(text.split(`# TYPE millrace_${name} ${kind}\n`).length, name).toBe(2);
      expect(text, name).toMatch(new RegExp(`^millrace_${name}(_bucket)?[ {]`, "m"));
    }
  });

  it("histograms add up, with a bucket for what lies above", () => {
    expect(text).toContain('millrace_task_queue_wait_seconds_bucket{domain="media",type="resize",le="0.005"} 0\n');
    expect(text).toContain('millrace_task_queue_wait_seconds_bucket{domain="media",type="resize",le="0.025"} 1\n');
    expect(text).toContain('millrace_task_queue_wait_seconds_bucket{domain="media",type="resize",le="3600"} 1\n');
    expect(text).toContain('millrace_task_queue_wait_seconds_bucket{domain="media",type="resize",le="+Inf"} 2\n');
    expect(text).toContain('millrace_task_queue_wait_seconds_sum{domain="media",type="resize"} 4000.02\n');
    expect(text).toContain('millrace_task_duration_seconds_sum{domain="media",type="resize",status="completed"} 3\n');
  });

  it("what holds tasks back: every reason, and every limit with what its bucket holds by now", () => {
    const lines = text.split("\n").filter((line) => /^millrace_(gate_denials|rate_limit)/.test(line));
    expect(lines).toEqual([
      'millrace_gate_denials_total{domain="media",reason="gate"} 3',
      'millrace_gate_denials_total{domain="media",reason="gate_error"} 0',
      'millrace_gate_denials_total{domain="media",reason="pressure"} 40',
      'millrace_gate_denials_total{domain="media",reason="io"} 0',
      'millrace_rate_limit_throttles_total{scope_kind="group",scope="acme"} 7',
      'millrace_rate_limit_throttles_total{domain="media",scope_kind="type",scope="resize"} 2',
      'millrace_rate_limit_throttles_total{domain="media",scope_kind="type",scope="idle"} 0',
      'millrace_rate_limit_tokens_available{scope_kind="group",scope="acme"} 1',
      // One was in it two seconds ago.
      'millrace_rate_limit_tokens_available{domain="media",scope_kind="type",scope="resize"} 5',
      'millrace_rate_limit_tokens_available{domain="media",scope_kind="type",scope="idle"} 5',
    ]);
  });

  it("figures that an older version told have none of that, and are shown", () => {
    const { held: _held, rates: _rates, ...older } = figures;
    const shown = metricsText({ ...mill, domains: [{ domain: "media", at: 1, figures: older }] });
    expect(shown).toContain('millrace_gate_denials_total{domain="media",reason="gate"} 0\n');
    expect(shown).not.toContain('scope_kind="type"');
  });

  // Without it there is no test, rather than one that is skipped: `npm test` counts those as failed.
  if (spawnSync("promtool", ["--version"]).error === undefined)
    it("passes `promtool check metrics`", () => {
      expect(execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })).toBe("");
    });
  else
    console.warn("!!! promtool is not on this machine: Debian's package `prometheus` has it. The text of /metrics is not checked by it.");
});

describe("[metrics] Analytics Engine", () => {
  const entry = {
    seq: 1,
    at: 0,
    count: 3,
    event: "task.completed" as const,
    make: () =>
      ["resize", "resize", "crop"].map((type, index) => ({
        seq: index,
        at: "",
        event: "task.completed" as const,
        domain: "media",
        type,
        durationMs: 30,
      })),
  };

  it("a point for each event and type, where a dataset is bound", () => {
    const points: unknown[] = [];
    analyticsOf({ MILLRACE_ANALYTICS: { writeDataPoint: (point: unknown) => points.push(point) } }, "media")!(entry);
    expect(points).toEqual([
      { indexes: ["media"], blobs: ["task.completed", "resize"], doubles: [2, 20] },
      { indexes: ["media"], blobs: ["task.completed", "crop"], doubles: [1, 10] },
    ]);
  });

  it("none without it; one that refuses a point stops nothing", () => {
    expect(analyticsOf({}, "media")).toBeUndefined();
    expect(analyticsOf(undefined, "media")).toBeUndefined();
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const full = {
      writeDataPoint: () => {
        throw new Error("too many");
      },
    };
    analyticsOf({ MILLRACE_ANALYTICS: full }, "media")!(entry);
    expect(warn).toHaveBeenCalledTimes(2);
    vi.restoreAllMocks();
  });
});

describe("[metrics] the Grafana dashboard", () => {
  const dashboard = JSON.parse(readFileSync("docs/grafana.json", "utf8")) as {
    panels: { title: string; targets: { expr: string; legendFormat: string }[] }[];
    templating: { list: { query: string }[] };
  };
  const exist = new Set(
    Object.entries(METRICS).flatMap(([name, [kind]]) =>
      (kind === "histogram" ? ["_bucket", "_sum", "_count"] : [""]).map((end) => `millrace_${name}${end}`),
    ),
  );

  it("asks for nothing that is not there", () => {
    const asked = [
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ...dashboard.templating.list.map(({ query }) => query),
    ];
    const names = asked.flatMap((expr) => expr.match(/\bmillrace_\w+/g) ?? []);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !exist.has(name))).toEqual([]);
  });

  it("asks by labels that the metrics have", () => {
    const labels = new Map<string, Set<string>>();
    for (const [, name, written = ""] of metricsText(mill).matchAll(/^(millrace_\w+)(?:\{(.*)\})? /gm)) {
      const known = labels.get(name!) ?? new Set();
      labels.set(name!, known);
      for (const [, label] of written.matchAll(/(\w+)="/g)) known.add(label!);
    }
    const missing = dashboard.panels.flatMap(({ title, targets }) =>
      targets.flatMap(({ expr, legendFormat }) =>
        // A ratio asks for two.
        expr.split(" / ").flatMap((part) => {
          const [name] = /millrace_\w+/.exec(part)!;
          const used = [...part.matchAll(/by \(([^)]*)\)|(\w+)=~?"/g)].flatMap(([, by, label]) => by?.split(/,\s*/) ?? [label!]);
          for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) used.push(label!);
          return used.filter((label) => !labels.get(name)?.has(label)).map((label) => `${title}: ${name} by ${label}`);
        }),
      ),
    );
    expect(missing).toEqual([]);
  });
});
