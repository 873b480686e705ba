import { listing } from "../domains/listing.ts";
import type { MillHandle, MillSnapshot } from "../domains/mill-handle.ts";
import type { GroupView } from "../policy/coordination/view.ts";
import { httpEvents } from "./http-events.ts";
import type { Http } from "./http.ts";
import { instantText, search } from "./search.ts";
import { segment } from "./segment.ts";
import { settingsOf } from "./settings.ts";

/** The verbs of the mill itself, over HTTP. */
export function httpMill(http: Http): MillHandle {
  const snapshot = () => http.ask<MillSnapshot>({ method: "GET", path: "/v1/snapshot" });
  return {
    pause: () => http.ask({ method: "POST", path: "/v1/pause" }),
    resume: () => http.ask({ method: "POST", path: "/v1/resume" }),
    groups: async () => (await http.ask<{ items: GroupView[] }>({ method: "GET", path: "/v1/groups" })).items,
    group: (name) => {
      const path = `/v1/groups/${segment(name, "invalid_request")}`;
      return {
        name,
        pause: async ({ until } = {}) => {
          const body = until === undefined ? {} : { body: JSON.stringify({ until: instantText(until) }) };
          return http.ask({ method: "POST", path: `${path}/pause`, ...body });
        },
        resume: () => http.ask({ method: "POST", path: `${path}/resume` }),
        set: (change) => http.ask({ method: "PATCH", path, body: JSON.stringify(change) }),
      };
    },
    settings: async (change) =>
      settingsOf(
        await (change === undefined
          ? snapshot()
          : http.ask<MillSnapshot>({ method: "PATCH", path: "/v1/settings", body: JSON.stringify(change) })),
      ),
    pressure: async (name, value, ttl) =>
      http.ask({ method: "PUT", path: `/v1/pressure/${segment(name, "invalid_request")}`, body: JSON.stringify({ value, ttl }) }),
    snapshot,
    ...httpEvents(null, http),
    list: (query = {}) =>
      listing(async (cursor = query.cursor) => http.ask({ method: "GET", path: "/v1/tasks", query: search({ ...query, cursor }) })),
    audit: (query = {}) =>
      listing(async (cursor = query.cursor) => http.ask({ method: "GET", path: "/v1/audit", query: search({ ...query, cursor }) })),
  };
}
