import type { SubmitOptions } from "../domains/handle.ts";
import type { Json } from "../domains/task.ts";
import { utf8Bytes } from "../policy/text.ts";
import type { Connection } from "./connection.ts";
import type { Call } from "./program.ts";
import { UsageError } from "./world.ts";

/** What the mill takes at once, in tasks and in bytes of JSON, with room for what is around them. */
const BATCH = 10_000;
const BATCH_BYTES = 7 * 1_024 * 1_024;

/** Submits as many as there are, batch by batch, and prints what became of them. */
export async function submitLines(
  items: readonly (SubmitOptions & { type: string; payload: Json })[],
  { handle, print }: { handle: ReturnType<Connection["domain"]>; print: Call<object>["print"] },
): Promise<void> {
  const counts: Record<string, number> = {};
  const tell = () => print({ counts }, () => wordsOf(counts));
  try {
    for (const batch of batchesOf(items))
      for (const { outcome } of await handle.submitAll(batch)) counts[outcome] = (counts[outcome] ?? 0) + 1;
  } catch (error) {
    // Those of the batches before stay.
    if (Object.keys(counts).length > 0) tell();
    throw error;
  }
  tell();
}

function wordsOf(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  return words.length === 0 ? "There was nothing to submit." : words.join(", ");
}

function* batchesOf<Item>(items: readonly Item[]): Generator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = utf8Bytes(JSON.stringify(item)) + 1;
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** One payload a line; empty lines are none. @throws `UsageError` */
export function linesOf(text: string): Json[] {
  return text.split("\n").flatMap((line, at) => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line) as Json];
    } catch (error) {
      throw new UsageError(`Line ${at + 1} is not JSON: ${(error as Error).message}. Nothing was submitted.`);
    }
  });
}
