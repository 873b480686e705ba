import { createMill, defineDomain, type ClaimedTask, type Json } from "millrace";
import { createClient } from "millrace/client";
import { z } from "zod";
import { type Equal, expectType } from "./expect.ts";

const video = defineDomain("video")
  .task("transcode", { payload: z.object({ object: z.string() }), result: z.object({ bytes: z.number() }), pull: true })
  .task("caption", { payload: z.object({ text: z.string() }), key: ({ text }) => text, pull: true });
const mill = createMill({ domains: [video] });

export async function claims(): Promise<void> {
  for (const queue of [mill.domain(video), createClient<typeof mill>({ url: "http://mill" }).domain("video")]) {
    const [one] = await queue.claim({ worker: "w", types: ["transcode"], lease: "1m" });
    expectType<Equal<typeof one, ClaimedTask<"transcode", { object: string }, { bytes: number }> | undefined>>();
    await one!.complete({ bytes: 1 });
    // @ts-expect-error Not its result.
    await one!.complete({ bytes: "1" });
    // @ts-expect-error A result is needed.
    await one!.complete();
    const [caption] = await queue.claim({ worker: "w", types: ["caption"] });
    expectType<Equal<typeof caption, ClaimedTask<"caption", { text: string }, Json> | undefined>>();
    await caption!.complete();
    // @ts-expect-error No such type.
    await queue.claim({ worker: "w", types: ["rotate"] });
    const submitted = await queue.submit("transcode", { object: "a" });
    const result = await queue.task(submitted).result();
    expectType<Equal<typeof result, { bytes: number }>>();
  }
}
