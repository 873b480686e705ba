import { parseTaskId } from "../../../policy/ids.ts";
import type { QuestionName, Questions } from "../../mail.ts";
import type { Core } from "../core.ts";
import { lineage } from "../graph/cycle.ts";
import { above } from "../graph/overtake.ts";
import { readStatuses } from "../graph/edges.ts";
import { graphPart } from "../graph/graph.ts";
import { childCopy } from "../graph/offspring.ts";
import { readCopy, standIn } from "../graph/remotes.ts";

const ANSWERS: { readonly [Kind in QuestionName]: (core: Core, body: Questions[Kind]["body"]) => Questions[Kind]["answer"] } = {
  unknown: (core, counters) => {
    const known = readStatuses(core.store, counters);
    return counters.filter((counter) => !known.has(counter));
  },
  graphPart,
  above,
  lineage,
  childCopy,
  copyOf: (core, id) => readCopy(core, standIn(core, parseTaskId(id)!)),
};

/** Answers what another object, or a runner, asks: nothing changes by it. */
export const answer = <Kind extends QuestionName>(core: Core, kind: Kind, body: Questions[Kind]["body"]): Questions[Kind]["answer"] =>
  ANSWERS[kind](core, body);
