import type { Bench } from "../bench.ts";
import { count, median } from "../figures.ts";

/** What SQLite in the same kind of object does with the same statements, and nothing around them. */
export async function floor(bench: Bench): Promise<void> {
  const sheet = bench.sheet(
    "Floor: the bare statements in a loop, in one object",
    "transactions of",
    "rows/s",
    "rows/s, each transaction awaited on disk",
  );
  for (const batch of [100, 1_000]) {
    const tasks = bench.size(100_000);
    const rate = async (durable: boolean) => {
      const rates: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        bench.step(`floor: transactions of ${batch}, round ${round} of 3`);
        const { ms } = await bench.call<{ ms: number }>("floor", { tasks, batch, durable });
        if (round > 0) rates.push((tasks / ms) * 1_000);
      }
      return median(rates);
    };
    const bare = await rate(false);
    bench.floors.set(batch, bare);
    sheet.rows.push([count(batch), count(bare), count(await rate(true))]);
  }
}
