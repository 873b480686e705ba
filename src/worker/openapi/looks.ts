import type { Operation } from "./operations.ts";

/** What a domain tells beside its tasks. */
export const LOOKS: Readonly<Record<string, Operation>> = {
  "GET /v1/domains/:domain/failures": {
    id: "listFailures",
    tag: "Domains",
    summary: "Failures by what their errors have in common, the most frequent first",
    description:
      "Ids and numbers are taken out of the messages. Where `exact` is false, only the newest 20,000 failures were looked at, or there are more patterns than `limit`.",
    answers: { 200: "Failures" },
  },
  "GET /v1/domains/:domain/series": {
    id: "getSeries",
    tag: "Domains",
    summary: "What the last 60 minutes brought",
    description:
      "Counts in each step, and of `running`, `pending`, `scheduled`, `blocked` and `waiting` the highest. It is kept in memory: null where the domain's object had not woken yet.",
    answers: { 200: "Series" },
  },
  "GET /v1/domains/:domain/tags": {
    id: "listTagKeys",
    tag: "Domains",
    summary: "The keys of tags, and how many tasks have each",
    description: "At most 500. Where `exact` is false there are more, and counts are the least that there can be.",
    answers: { 200: "TagKeys" },
  },
  "GET /v1/domains/:domain/tags/:key": {
    id: "listTagValues",
    tag: "Domains",
    summary: "The values under a key, the most frequent first",
    description: "At most 500. Where `exact` is false there are more.",
    answers: { 200: "TagValues" },
  },
};
