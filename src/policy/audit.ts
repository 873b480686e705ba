/** Who asked for a change, and for what: goes along with the call that makes it. */
export interface AuditNote {
  /** The token's name. */
  name: string;
  role: string;
  /** Method and path of the request, such as `POST /v1/domains/{domain}/pause`. */
  action: string;
  /** What the path names: a domain, task, schedule or group; null for the mill. */
  target: string | null;
  /** The body, payloads left out; null where there is none, or it is long. */
  change: string | null;
}

/** A change as the audit log tells it. */
export interface AuditEntry extends Omit<AuditNote, "change"> {
  /** RFC 3339; by the clock of the object that made the change. */
  at: string;
  /** Whose object made it: a domain's, or null for the mill's. */
  domain: string | null;
  change: unknown;
}

/** A page of one object's log, newest first: each entry with its number there; `next` is to be passed as `before`. */
export interface AuditPage {
  items: (AuditEntry & { seq: number })[];
  next: number | null;
}

/** What both kinds of objects answer. */
export interface AuditApi {
  auditLog(query: { limit: number; before?: number }): Promise<AuditPage>;
}

export const AUDIT = {
  /** Of each object; looked at once every `purgeEvery` changes. */
  keep: 10_000,
  keepMs: 366 * 86_400_000,
  purgeEvery: 100,
  /** How many are looked at for their age at a time: more than come in between. */
  purgeSlice: 500,
  changeBytesMax: 2_048,
} as const;
