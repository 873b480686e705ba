import type { Operation } from "./operations.ts";

/** What changes how a mill, a domain or a group works. */
export const CONTROL: Readonly<Record<string, Operation>> = {
  "POST /v1/pause": {
    id: "pauseMill",
    tag: "Domains",
    summary: "Start nothing more in any domain, stop what runs",
    answers: { 200: "Mill" },
  },
  "POST /v1/resume": { id: "resumeMill", tag: "Domains", summary: "End the mill's pause", answers: { 200: "Mill" } },
  "GET /v1/groups": {
    id: "listGroups",
    tag: "Domains",
    summary: "List the groups, with their settings and what the domains last told that they use",
    answers: { 200: "Groups" },
  },
  "PATCH /v1/groups/:group": {
    id: "changeGroup",
    tag: "Domains",
    summary: "Change a group's cap, weight, minimum or rate limit",
    answers: { 200: "Group" },
    example: { maxConcurrency: 2, weight: 3, rate: { permits: 10, per: "1s" } },
  },
  "POST /v1/groups/:group/pause": {
    id: "pauseGroup",
    tag: "Domains",
    summary: "Start nothing more of a group in any domain, stop what runs; until a moment, or until it is resumed",
    answers: { 200: "GroupPause" },
    example: { until: "2026-12-01T08:00:00Z" },
  },
  "POST /v1/groups/:group/resume": { id: "resumeGroup", tag: "Domains", summary: "End a group's pause", answers: { 200: "GroupPause" } },
  "PUT /v1/pressure/:name": {
    id: "pressure",
    tag: "Domains",
    summary: "What a source of backpressure says, for a while",
    answers: { 200: "Pressure" },
    example: { value: 0.8, ttl: "30s" },
  },
  "PATCH /v1/settings": {
    id: "changeMill",
    tag: "Domains",
    summary: "Change the mill's settings",
    answers: { 200: "Mill" },
    example: { maxConcurrency: 8 },
  },
  "POST /v1/domains/:domain/drain": {
    id: "drainDomain",
    tag: "Domains",
    summary: "Start nothing more, wait for what runs, then give it back; ended by resume",
    answers: { 200: "Drained" },
    example: { timeout: "30s" },
  },
  "GET /v1/snapshot": { id: "getMill", tag: "Domains", summary: "The mill's slots, and who holds them", answers: { 200: "Mill" } },
  "PATCH /v1/domains/:domain": {
    id: "changeDomain",
    tag: "Domains",
    summary: "Change a domain's settings",
    answers: { 200: "Domain" },
    codes: ["unknown_type"],
    example: { maxConcurrency: 4 },
  },
  "POST /v1/domains/:domain/pause": {
    id: "pauseDomain",
    tag: "Domains",
    summary: "Start nothing more, stop what runs",
    answers: { 200: "Domain" },
  },
  "POST /v1/domains/:domain/resume": { id: "resumeDomain", tag: "Domains", summary: "End a domain's pause", answers: { 200: "Domain" } },
};
