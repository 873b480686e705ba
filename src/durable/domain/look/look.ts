import type { LookName, Looks } from "../../looks.ts";
import { bulkMatch } from "../bulk/bulk.ts";
import { readBulk, viewBulk } from "../bulk/bulk-rows.ts";
import type { Core } from "../core.ts";
import { failures } from "./failures.ts";
import { series } from "./series.ts";
import { tagKeys, tagValues } from "./tag-counts.ts";

const LOOKS: { readonly [Kind in LookName]: (core: Core, body: Looks[Kind]["body"]) => Looks[Kind]["answer"] } = {
  tagKeys,
  tagValues,
  failures,
  series,
  bulk: (core, { id }) => viewBulk(core, readBulk(core, id)),
  bulkMatch,
};

/** Answers what gateway and handles ask beside tasks. */
export const look = <Kind extends LookName>(core: Core, kind: Kind, body: Looks[Kind]["body"]): Looks[Kind]["answer"] =>
  LOOKS[kind](core, body);
