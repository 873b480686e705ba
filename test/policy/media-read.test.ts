import { expect, test } from "vitest";
import { IMAGE_BYTES_MAX, readAll } from "../../src/domains/ingest/read.ts";

const MEGABYTE = 1_024 * 1_024;

/** A body of so many chunks of 1 MiB; tells what was read of it and whether it was let go. */
function body(chunks: number) {
  const state = { pulled: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.pulled === chunks) return controller.close();
        state.pulled += 1;
        controller.enqueue(new Uint8Array(MEGABYTE).fill(state.pulled));
      },
      cancel: () => void (state.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { state, stream };
}

test("all bytes in their order, with a report after every chunk", async () => {
  const reports: [number, number][] = [];
  const bytes = await readAll(body(3).stream, 3 * MEGABYTE, (done, total) => reports.push([done, total]));
  expect([bytes.length, bytes[0], bytes[MEGABYTE], bytes.at(-1)]).toEqual([3 * MEGABYTE, 1, 2, 3]);
  expect(reports).toEqual([1, 2, 3].map((part) => [part * MEGABYTE, 3 * MEGABYTE]));
});

test("exactly 20 MiB are taken, also where the size was not known or claimed too small", async () => {
  for (const claimed of [undefined, 5, IMAGE_BYTES_MAX]) {
    const reports: [number, number][] = [];
    expect(await readAll(body(20).stream, claimed, (done, total) => reports.push([done, total]))).toHaveLength(IMAGE_BYTES_MAX);
    expect(reports.every(([done, total]) => done <= total)).toBe(true);
  }
});

test("more is refused for good: unread where it is announced, else at the first byte too many, and the rest is let go", async () => {
  const announced = body(21);
  const refused = expect.objectContaining({ name: "NonRetryableError", code: "image_too_large" });
  await expect(readAll(announced.stream, 21 * MEGABYTE, () => {})).rejects.toEqual(refused);
  expect(announced.state).toEqual({ pulled: 0, cancelled: true });
  const silent = body(1_000);
  await expect(readAll(silent.stream, undefined, () => {})).rejects.toEqual(refused);
  expect(silent.state).toEqual({ pulled: 21, cancelled: true });
});

test("what the report throws ends the reading", async () => {
  const { state, stream } = body(5);
  const reason = new Error("cancelled");
  await expect(
    readAll(stream, undefined, () => {
      throw reason;
    }),
  ).rejects.toBe(reason);
  expect(state).toEqual({ pulled: 1, cancelled: true });
});
