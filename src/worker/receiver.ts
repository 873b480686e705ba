import { Hono } from "hono";
import { SIGNATURE_HEADER, verifySignature } from "millrace";
import type { Env } from "../domains/env.ts";

/** Enough for what one's own tasks send here. */
const BODY_BYTES_MAX = 1_048_576;

/**
 * An example of the other end of `http.deliver`: `POST /receiver` takes what was signed with this Worker's own key
 * and says what it got. No token: the signature is the proof.
 */
export function receiverRoutes(): Hono<{ Bindings: Env }> {
  const routes = new Hono<{ Bindings: Env }>();
  routes.post("/receiver", async (context) => {
    if (Number(context.req.header("content-length") ?? Number.NaN) > BODY_BYTES_MAX)
      return context.json({ error: "the body is too large" }, 413);
    const keys = [context.env.WEBHOOK_SECRET, context.env.WEBHOOK_SECRET_PREVIOUS];
    if (keys.every((key) => !key)) return context.json({ error: "this Worker has no WEBHOOK_SECRET" }, 401);
    const body = await context.req.text();
    if (!(await verifySignature({ body, header: context.req.header(SIGNATURE_HEADER), keys })))
      return context.json({ error: "the signature is not valid" }, 401);
    return context.json({
      received: body.length,
      delivery: context.req.header("millrace-delivery") ?? null,
      attempt: Number(context.req.header("millrace-attempt")),
    });
  });
  return routes;
}
