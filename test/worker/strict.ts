import { constant, defineDomain } from "millrace";
import { z } from "zod";
import { play, Script } from "./script.ts";

const Moving = Script.extend({ bytes: z.number().optional(), recorded: z.boolean().optional() });

/** Work with budgets, and work beside it. */
export const strict = defineDomain("strict", { maxConcurrency: 8 })
  .task("move", {
    payload: Moving,
    key: () => null,
    retry: constant(1, 0),
    io: { net: { rx: 1_000 } },
    async execute({ bytes, ...script }, ctx) {
      if (bytes !== undefined) ctx.recordIo({ net: { rx: bytes } });
      return play(script, ctx);
    },
    onCancel: (_payload, ctx) => ctx.recordIo({ disk: { write: 7 } }),
  })
  .task("fleeting", {
    payload: Moving,
    key: () => null,
    keep: false,
    io: { net: { rx: 1_000 } },
    execute: ({ bytes = 0 }, ctx) => ctx.recordIo({ net: { rx: bytes } }),
  })
  .task("plain", { payload: Script, key: () => null, execute: (script, ctx) => play(script, ctx) })
  .task("pulled", { payload: Script, key: () => null, io: { net: { rx: 1_000 } }, pull: true });
