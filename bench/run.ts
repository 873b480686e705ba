// `npm run bench`: what Millrace does per second and what it costs, measured under `wrangler dev` on this machine.
import { parseArgs } from "node:util";
import { Mill, temporary } from "../test/e2e/mill.ts";
import { Bench } from "./bench.ts";
import { bundle } from "./bundle.ts";
import { print, write, writeSome } from "./report.ts";
import { beginPurge, cost, edgeCost, madeCost } from "./scenarios/cost.ts";
import { floor } from "./scenarios/floor.ts";
import { bulk } from "./scenarios/bulk.ts";
import { held } from "./scenarios/held.ts";
import { latency } from "./scenarios/latency.ts";
import { behind, delayed, finished } from "./scenarios/scale.ts";
import { throughput } from "./scenarios/throughput.ts";

const SCENARIOS: Record<string, (bench: Bench) => Promise<void>> = {
  floor,
  throughput,
  latency,
  cost,
  edges: edgeCost,
  made: madeCost,
  delayed,
  finished,
  behind,
  held,
  bulk,
};
const HELP = `npm run bench -- [--quick] [--only <name>] [--dry]

Measures throughput, latency and rows under wrangler dev, and writes docs/performance.md.
  --quick   a tenth of the tasks, no idle minutes: two minutes instead of about fifteen; writes nothing
  --only    one of ${Object.keys(SCENARIOS).join(", ")}, purge; may be repeated; writes nothing
  --write   with --only: its tables alone are written, each with the day it was measured
  --dry     everything, but docs/performance.md stays as it is`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    write: { type: "boolean", default: false },
    dry: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const unknown = values.only.filter((name) => !(name in SCENARIOS) && name !== "purge");
if (values.help || unknown.length > 0) {
  console.log(unknown.length > 0 ? `There is no scenario ${unknown.join(", ")}.\n\n${HELP}` : HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const wanted = (name: string) => values.only.length === 0 || values.only.includes(name);
using home = temporary("bench");
// Ctrl-C: what is started ends when this process does, and its folder goes.
process.on("exit", () => home[Symbol.dispose]());
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
await using mill = await Mill.start({ folder: bundle(home.path), home: home.path });
const bench = new Bench(mill, values.quick);
const begun = performance.now();
try {
  const endPurge = wanted("purge") ? await beginPurge(bench) : undefined;
  for (const [name, scenario] of Object.entries(SCENARIOS)) if (wanted(name)) await scenario(bench);
  await endPurge?.();
} finally {
  bench.done();
  print(bench.sheets, bench.verdicts);
}
const minutes = ((performance.now() - begun) / 60_000).toFixed(0);
const day = new Date().toISOString().slice(0, 10);
const page = new URL("../docs/performance.md", import.meta.url);
if (values.write && values.only.length > 0) {
  const how = values.quick ? "by itself, with a tenth of the tasks per round" : "by itself";
  writeSome(page, bench.sheets, bench.verdicts, `Measured on ${day}, ${how}:`);
  console.log(`\n${minutes} minutes; these tables are written to docs/performance.md.`);
} else if (values.quick || values.only.length > 0 || values.dry) {
  console.log(`\n${minutes} minutes. docs/performance.md is as it was: only a full run writes it.`);
} else {
  write(page, bench.sheets, bench.verdicts, `Measured on ${day}, in one run of ${minutes} minutes:`);
  console.log(`\n${minutes} minutes; written to docs/performance.md.`);
}
