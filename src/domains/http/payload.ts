import { z } from "zod";

/** Set by the delivery itself or by the connection; a payload that names one is refused. */
const RESERVED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "user-agent",
]);
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** Printable ASCII and tabs: what every server takes. */
const VALUE = /^[\t\x20-\x7e]{0,4096}$/;
const HEADERS_MAX = 32;

const isReserved = (name: string): boolean => RESERVED.has(name.toLowerCase()) || /^(millrace|cf|proxy|sec)-/i.test(name);

const headers = z
  .record(
    z
      .string()
      .regex(NAME, "not a header name")
      .refine((name) => !isReserved(name), { error: "this header is set by the delivery itself" }),
    z.string().regex(VALUE, "a header value is at most 4,096 printable ASCII characters"),
  )
  .refine((all) => Object.keys(all).length <= HEADERS_MAX, { error: `at most ${HEADERS_MAX} headers` });

/** Absolute, http or https, no credentials. The rest (private addresses) depends on the configuration and is judged when it is sent. */
function isDeliverable(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.username === "" && url.password === "";
}

/** What `http.deliver` takes. */
export const deliveryPayload = z.strictObject({
  /** Absolute, at most 2,048 characters. */
  url: z.string().max(2_048).refine(isDeliverable, { error: "must be an absolute http or https URL without user name and password" }),
  /** Any JSON value; sent as it is. */
  body: z.json(),
  /** Sent as well, at most 32; not the ones that a delivery sets itself. */
  headers: headers.optional(),
});

/** What `http.deliver` ends with. */
export const deliveryResult = z.object({
  status: z.int(),
  url: z.string(),
  redirects: z.int(),
  answer: z.string(),
  truncated: z.boolean(),
});
