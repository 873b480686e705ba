import { createClient, MillraceError } from "millrace/client";
import type { Jobs } from "../../jobs/src/index.ts";

interface Env {
  /** The binding to the mill. */
  MILL: Fetcher;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    // No call outlives the request that asked for it.
    const mail = createClient<Jobs>({ service: env.MILL }).with({ signal: request.signal }).domain("mail");
    const [, orders, name] = new URL(request.url).pathname.split("/");
    if (orders !== "orders" || !name) return new Response("POST or GET /orders/{order}", { status: 404 });
    try {
      if (request.method !== "POST") return Response.json(await mail.task("receipt", name).get());
      const { to } = await request.json<{ to: string }>();
      const receipt = await mail.submit("receipt", { order: name, to }, { idempotencyKey: name });
      const { subject } = await mail.task(receipt).result({ timeout: "20s" });
      return Response.json({ id: receipt.id, subject }, { status: 201 });
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      return Response.json({ code: error.code, detail: error.message }, { status: error.status });
    }
  },
};
