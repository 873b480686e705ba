// Runs in plain Node, as a program of the consumer's own: submit over HTTP, await the typed result.
import { createClient } from "millrace/client";
import type { App } from "./index";

declare const process: { argv: string[] };

const client = createClient<App>({ url: process.argv[2] ?? "" });
const media = client.domain("media");
const submitted = await media.submit("resize", { object: "logo.png", width: 64 });
const result: { object: string; width: number; greeting: string } = await media.task(submitted).result({ timeout: "30s" });
console.log(JSON.stringify({ outcome: submitted.outcome, id: submitted.id, result }));

// @ts-expect-error the width of a thumbnail is a number
export const wrong = () => media.submit("resize", { object: "logo.png", width: "64" });
