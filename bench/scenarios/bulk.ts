import type { Bench } from "../bench.ts";
import { count, figure, ms, percentile } from "../figures.ts";
import type { BulkAnswer } from "../protocol.ts";

const DOMAIN = "bulk";

/** 100,000 tasks cancelled by one call, then retried and cancelled again, beside a caller who submits one after the other. */
export async function bulk(bench: Bench): Promise<void> {
  const tasks = bench.size(100_000);
  const sheet = bench.sheet(
    `A bulk job over ${count(tasks)} tasks, beside single submits`,
    "job",
    "tasks",
    "tasks/s",
    "rows written per task",
    "rows read",
    "submit p50, alone",
    "beside it",
    "p99, alone",
    "beside it",
    "longest",
  );
  await bench.fill(DOMAIN, "plain", tasks, { delay: "1d", tags: { batch: "1" } });
  const tagged = { tags: { batch: "1" } };
  const jobs = [
    { what: "cancel by tag", verb: "cancelWhere", filter: tagged },
    { what: "retry by status", verb: "retryWhere", filter: { ...tagged, status: "cancelled" } },
  ];
  await bench.call("pause", { domain: DOMAIN });
  for (const { what, ...order } of jobs) {
    bench.step(`bulk: ${what}`);
    const found = await bench.call<BulkAnswer>("bulk", { domain: DOMAIN, ...order });
    if (found.done !== tasks || found.failed > 0) throw new Error(`${what}: ${found.done} done and ${found.failed} failed of ${tasks}`);
    sheet.rows.push(row(what, found));
    const p99 = percentile(found.beside, 0.99);
    bench.judge(`a submit beside ${what} of ${count(tasks)}, p99`, "≤ 250 ms", ms(p99), p99 <= 250);
  }
}

function row(what: string, { done, ms: took, rowsWritten, rowsRead, alone, beside }: BulkAnswer): string[] {
  const at = (values: number[], share: number) => ms(percentile(values, share));
  return [
    what,
    count(done),
    count((done / took) * 1_000),
    figure(rowsWritten / done),
    figure(rowsRead / done),
    at(alone, 0.5),
    at(beside, 0.5),
    at(alone, 0.99),
    at(beside, 0.99),
    at(beside, 1),
  ];
}
