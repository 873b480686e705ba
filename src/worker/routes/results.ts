import { fail } from "../../policy/errors.ts";
import { json } from "../problem.ts";
import { readWait, waitQuery } from "../query.ts";
import type { Call, Route } from "../route.ts";
import { awaitEnd } from "../wait.ts";

export const resultRoutes: Route[] = [{ method: "GET", path: "/v1/tasks/:task/result", role: "viewer", query: waitQuery, answer: result }];

/** 200 with the result, 202 while it is active, 409 when it ended otherwise. */
async function result(call: Call): Promise<Response> {
  const { id, given } = call;
  const answer = await awaitEnd(call, id, readWait(given));
  if ("result" in answer) return json({ status: answer.status, result: answer.result });
  if (!answer.ended) return json({ status: answer.status }, 202);
  const why = answer.error === null ? "" : `: ${answer.error.message}`;
  throw fail("invalid_state", `${id} has no result: it ended ${answer.status}${why}`, { id, status: answer.status, error: answer.error });
}
