import { admit, constant, defineDomain, type GateAnswer, type Task } from "millrace";
import { z } from "zod";
import { play, Script } from "./script.ts";

const Moving = Script.extend({ bytes: z.number().optional(), recorded: z.boolean().optional() });

/** What the domain's gate answers, and about what it was asked, in order: looked at by the tests, which share the isolate. */
export const keeper: { answer: (task: Task, now: Date) => unknown; asked: string[] } = { answer: () => admit, asked: [] };

/** Work with budgets and a gate, and work beside it. */
export const strict = defineDomain("strict", {
  maxConcurrency: 8,
  gate: (task, now) => {
    keeper.asked.push(task.id);
    return keeper.answer(task, now) as GateAnswer;
  },
})
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
  .task("parent", {
    payload: Script,
    key: () => null,
    execute: async ({ name }, ctx) => void (await ctx.spawn("plain", { name: `${name} child` })),
    finalize: () => "done",
  })
  .task("pulled", { payload: Script, key: () => null, io: { net: { rx: 1_000 } }, pull: true });
