import { type Context, Hono } from "hono";
import type { Env } from "../domains/env.ts";
import { UPLOAD_KEY } from "../domains/ingest/key.ts";
import { IMAGE_BYTES_MAX } from "../domains/ingest/read.ts";
import { fail } from "../policy/errors.ts";
import type { Role } from "../policy/roles.ts";
import { authenticate, type AuthEnv, requireDomain, requireRole } from "./auth.ts";

type FileContext = Context<{ Bindings: Env & AuthEnv }>;

/**
 * The example Worker's own routes: `PUT /uploads/{key}` puts a file where `ingest.fetch` finds it (role `producer`), `GET
 * /files/{object}` serves originals and thumbnails (role `viewer`); tokens as for the mill's own routes.
 */
export function fileRoutes(): Hono<{ Bindings: Env & AuthEnv }> {
  const routes = new Hono<{ Bindings: Env & AuthEnv }>();
  routes.put("/uploads/:key", upload);
  routes.get("/files/:object{.+}", download);
  return routes;
}

/** The same rule as for the mill's tasks: a role, and the domain that the file belongs to. */
async function allow(context: FileContext, role: Role, domain: string): Promise<void> {
  const identity = await authenticate(context.env, context.req.raw.headers, (message) => console.error(message));
  requireRole(identity, role);
  requireDomain(identity, domain);
}

async function upload(context: FileContext): Promise<Response> {
  await allow(context, "producer", "ingest");
  const key = context.req.param("key") ?? "";
  if (!UPLOAD_KEY.test(key)) {
    throw fail(
      "invalid_request",
      "The key of an upload is a letter or digit, then at most 127 of letters, digits, dots, underscores and hyphens.",
      { key: key.slice(0, 200) },
    );
  }
  const declared = context.req.header("content-length");
  if (declared === undefined) throw fail("invalid_request", "An upload needs a Content-Length.");
  if (!(Number(declared) <= IMAGE_BYTES_MAX))
    throw fail("payload_too_large", `An upload has at most ${IMAGE_BYTES_MAX} bytes; this one has ${declared}.`, {
      limit: IMAGE_BYTES_MAX,
    });
  const body = context.req.raw.body;
  if (!body || declared === "0") throw fail("invalid_request", "The upload is empty.");
  const stored = await context.env.MEDIA.put(`uploads/${key}`, body, {
    httpMetadata: { contentType: context.req.header("content-type") ?? "application/octet-stream" },
  });
  return context.json({ key, bytes: stored.size, etag: stored.httpEtag }, 201);
}

async function download(context: FileContext): Promise<Response> {
  const key = context.req.param("object") ?? "";
  await allow(context, "viewer", key.startsWith("thumbnails/") ? "media" : "ingest");
  // Uploads are not checked yet, so they are not served.
  const object = /^(originals|thumbnails)\//.test(key) ? await context.env.MEDIA.get(key, { onlyIf: context.req.raw.headers }) : null;
  if (!object) throw fail("not_found", `There is no file ${key.slice(0, 200)}; originals/… and thumbnails/… are served here.`);
  const headers = new Headers({
    etag: object.httpEtag,
    "cache-control": "private, max-age=3600",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
  });
  object.writeHttpMetadata(headers);
  // A condition of the request that does not hold gives the object without its body.
  const body = "body" in object ? (object as R2ObjectBody).body : undefined;
  if (!body) return new Response(null, { status: 304, headers });
  headers.set("content-length", String(object.size));
  return new Response(body, { headers });
}
