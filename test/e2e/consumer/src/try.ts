// Runs in plain Node: a task of the domain alone, without a mill.
import { runTask } from "millrace/testing";
import { media } from "./media.ts";

const { result } = await runTask(media, "resize", { object: "logo.png", width: 64 }, { env: { GREETING: "from Node" } });
console.log(JSON.stringify(result));
