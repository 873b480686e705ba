import { DurableObject } from "cloudflare:workers";
import type { Clock } from "../../clock.ts";
import type { Registry } from "../../domains/definition.ts";
import type { EventFilter } from "../../policy/events/filter.ts";
import { analyticsOf } from "./analytics.ts";
import { Stream } from "./stream.ts";

/** An object whose events can be listened to: by WebSockets, which hibernate with it. */
export abstract class StreamObject extends DurableObject<unknown> {
  /** Its own, so not to be called over RPC. */
  protected stream!: Stream;

  /** Once memory is there. @param floor the last event of the lives before */
  protected openStream(clock: Clock, registry: Registry, domain: string | null, floor: number): void {
    this.stream = new Stream(this.ctx, { clock, registry, domain, floor });
    if (domain !== null) this.stream.onEntry = analyticsOf(this.env, domain);
  }

  /** From the Worker alone, by a stub: an upgrade, with what is asked for in the query. */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/events" || request.headers.get("upgrade")?.toLowerCase() !== "websocket") return new Response(null, { status: 404 });
    const since = searchParams.get("since");
    return this.stream.accept(
      JSON.parse(searchParams.get("filter") ?? "{}") as EventFilter,
      since === null ? undefined : Number(since),
      searchParams.has("confirms"),
    );
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.stream.heard(socket, message);
  }

  /** Answered, or the other end waits for seconds and counts it as broken. */
  override webSocketClose(socket: WebSocket, code: number): void {
    this.stream.left(socket);
    // The code that came, where that is one to be sent.
    socket.close(code >= 3_000 && code < 5_000 ? code : 1_000);
  }

  override webSocketError(socket: WebSocket): void {
    this.stream.left(socket);
  }
}
