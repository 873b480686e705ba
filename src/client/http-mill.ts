import type { MillHandle } from "../domains/mill-handle.ts";
import type { GroupView } from "../policy/coordination/view.ts";
import type { Http } from "./http.ts";

/** The verbs of the mill itself, over HTTP. */
export function httpMill(http: Http): MillHandle {
  return {
    pause: () => http.ask({ method: "POST", path: "/v1/pause" }),
    resume: () => http.ask({ method: "POST", path: "/v1/resume" }),
    snapshot: () => http.ask({ method: "GET", path: "/v1/snapshot" }),
    groups: async () => (await http.ask<{ items: GroupView[] }>({ method: "GET", path: "/v1/groups" })).items,
    group: (name) => ({
      name,
      set: (change) => http.ask({ method: "PATCH", path: `/v1/groups/${encodeURIComponent(name)}`, body: JSON.stringify(change) }),
    }),
  };
}
