import { createMill } from "millrace";
import { type Equal, expectType } from "../expect.ts";
import { analytics } from "./analytics.ts";
import { media } from "./media.ts";

const mill = createMill({ domains: [media, analytics] });

export async function results(): Promise<void> {
  const { bytes } = await mill.domain(media).task("resize", "media_1").result();
  expectType<Equal<typeof bytes, number>>();
  const { next } = await mill.domain(media).task("again", "media_1").result();
  expectType<Equal<typeof next, string>>();
}
