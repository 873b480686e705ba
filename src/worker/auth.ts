import { fail, type MillraceError } from "../policy/errors.ts";
import { isDomainName } from "../policy/names.ts";
import { includesRole, type Role, ROLES } from "../policy/roles.ts";

/** Who is asking. */
export interface Identity {
  /** The token's name; `open` where everybody is let in. */
  name: string;
  role: Role;
  /** The domains it is limited to, or null for all. */
  domains: ReadonlySet<string> | null;
}

/** What of the Worker's environment decides who gets in. */
export interface AuthEnv {
  /** JSON list of `{ name, sha256, role, domains? }`: as a secret's text, or parsed already as a JSON variable. */
  MILLRACE_TOKENS?: unknown;
  /** `open` lets everybody in as admin; for local work alone. */
  MILLRACE_AUTH?: unknown;
  /** Origins whose pages may ask, such as `https://ops.example.com`, separated by commas. */
  MILLRACE_CORS?: unknown;
  /** The platform's rate limiting binding: a limit for each token. */
  MILLRACE_RATE_LIMIT?: unknown;
}

interface Token extends Identity {
  hash: Uint8Array<ArrayBuffer>;
}

/** How the gateway lets in: `open` to all, `tokens`, nobody because there are none, nobody because they cannot be read. */
export type AuthConfig =
  | { kind: "open" }
  | { kind: "tokens"; tokens: readonly Token[] }
  | { kind: "unconfigured" }
  | { kind: "broken"; why: string };

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const MEMBERS = ["name", "sha256", "role", "domains"];
const OPEN: Identity = { name: "open", role: "admin", domains: null };
const HOW =
  'set the secret MILLRACE_TOKENS to a JSON list such as [{"name":"ci","sha256":"<SHA-256 of the token, as hex>","role":"producer"}] ' +
  '(`printf %s "$TOKEN" | sha256sum`, then `wrangler secret put MILLRACE_TOKENS`)';

let lastText: string | undefined;
let lastConfig: AuthConfig | undefined;

/** The configuration that an environment stands for. Broken tokens let nobody in, also where `MILLRACE_AUTH` says `open`. */
export function readAuth(env: AuthEnv): AuthConfig {
  const given = env.MILLRACE_TOKENS;
  const tokens = typeof given === "string" ? given : given === undefined || given === null ? "" : (JSON.stringify(given) ?? "");
  const text = `${String(env.MILLRACE_AUTH)}\n${tokens}`;
  if (lastConfig === undefined || text !== lastText)
    [lastText, lastConfig] = [text, configure(tokens.trim(), env.MILLRACE_AUTH === "open")];
  return lastConfig;
}

function configure(text: string, open: boolean): AuthConfig {
  try {
    const tokens = text === "" ? [] : parseTokens(text);
    if (open) return { kind: "open" };
    return tokens.length === 0 ? { kind: "unconfigured" } : { kind: "tokens", tokens };
  } catch (error) {
    return { kind: "broken", why: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * The tokens of `MILLRACE_TOKENS`.
 *
 * @throws an `Error` that says which token is wrong, and never contains a hash
 */
export function parseTokens(text: string): Token[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error("MILLRACE_TOKENS is not JSON");
  }
  if (!Array.isArray(list)) throw new TypeError("MILLRACE_TOKENS must be a JSON list");
  const names = new Set<string>();
  return list.map((entry: unknown, index) => {
    const token = parseToken(entry, `MILLRACE_TOKENS[${index}]`);
    if (names.has(token.name)) throw new Error(`MILLRACE_TOKENS has two tokens named ${token.name}`);
    names.add(token.name);
    return token;
  });
}

function parseToken(entry: unknown, where: string): Token {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw new Error(`${where} must be an object`);
  const unknown = Object.keys(entry).find((member) => !MEMBERS.includes(member));
  // A misspelt `domains` would otherwise open every domain.
  if (unknown !== undefined)
    throw new Error(`${where} has an unknown member ${JSON.stringify(unknown.slice(0, 40))}; it takes ${MEMBERS.join(", ")}`);
  const { name, sha256, role, domains } = entry as Record<string, unknown>;
  if (typeof name !== "string" || !NAME.test(name))
    throw new Error(`${where}.name must be 1 to 64 letters, digits, dots, hyphens, underscores or @`);
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256)) throw new Error(`${where}.sha256 must be 64 hex digits`);
  if (!ROLES.includes(role as Role)) throw new Error(`${where}.role must be one of ${ROLES.join(", ")}`);
  if (domains !== undefined && !(Array.isArray(domains) && domains.length > 0 && domains.every(isDomainName))) {
    throw new Error(`${where}.domains must be a list of domain names, or left out for all`);
  }
  return { name, role: role as Role, domains: domains === undefined ? null : new Set(domains as string[]), hash: fromHex(sha256) };
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => Number.parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

const admitted = new WeakMap<Request, () => Identity>();

/** Says who sends a request that came in by another door than the public one; whatever it carries as a token is not looked at. */
export function admit(request: Request, identity: () => Identity): void {
  admitted.set(request, identity);
}

/** Who sends this request, where `admit` has said so. */
export const admittedAs = (request: Request): Identity | undefined => admitted.get(request)?.();

/**
 * Who sends this request.
 *
 * @param log told why nobody is let in where the configuration is broken
 * @throws `unauthenticated`; `forbidden` where a page of another site asks a gateway that is open to all
 */
export async function authenticate(env: AuthEnv, headers: Headers, log: (message: string) => void): Promise<Identity> {
  const config = readAuth(env);
  if (config.kind === "open") return fromOutside(headers);
  if (config.kind === "broken") {
    log(`Nobody is let in: ${config.why}. Correct the secret; ${HOW}.`);
    throw unauthenticated(
      "The tokens of this mill cannot be read, so nobody is let in; its log says what is wrong with MILLRACE_TOKENS.",
      false,
    );
  }
  if (config.kind === "unconfigured")
    throw unauthenticated(
      `This mill has no tokens, so nobody is let in: ${HOW}. For local work MILLRACE_AUTH=open lets everybody in.`,
      false,
    );
  const header = headers.get("authorization") ?? headerOfSocket(headers);
  const presented = /^bearer +([\x21-\x7e]{1,4096})$/i.exec(header ?? "")?.[1];
  if (presented === undefined) {
    const wrong = header === null ? "This needs a token" : "The Authorization header is not `Bearer <token>`";
    throw unauthenticated(`${wrong}: send \`Authorization: Bearer <token>\`.`, header !== null);
  }
  const found = await findToken(config.tokens, presented);
  if (!found) throw unauthenticated("This token is none of the mill's; ask its operator for one.", true);
  return found;
}

/** A browser's WebSocket cannot send headers: its token comes as a subprotocol, `bearer.` and the token in base64url. */
function headerOfSocket(headers: Headers): string | null {
  if (!isUpgrade(headers)) return null;
  const protocols = (headers.get("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim());
  const encoded = protocols.find((one) => one.startsWith("bearer."))?.slice("bearer.".length);
  if (encoded === undefined) return null;
  try {
    return `Bearer ${atob(encoded.replaceAll("-", "+").replaceAll("_", "/"))}`;
  } catch {
    return "Bearer";
  }
}

const isUpgrade = (headers: Headers): boolean => headers.get("upgrade")?.toLowerCase() === "websocket";

/** Compares with every token, so that the time taken says nothing about where, or whether, one matched. */
async function findToken(tokens: readonly Token[], presented: string): Promise<Token | undefined> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(presented)));
  let found: Token | undefined;
  for (const token of tokens) if (sameBytes(token.hash, hash)) found = token;
  return found;
}

/** Whether two hashes of the same length are equal, in a time that does not depend on where they differ. */
export function sameBytes(left: Uint8Array<ArrayBuffer>, right: Uint8Array<ArrayBuffer>): boolean {
  if (left.length !== right.length) return false;
  const { subtle } = crypto;
  if (typeof subtle.timingSafeEqual === "function") return subtle.timingSafeEqual(left, right);
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= left[index]! ^ right[index]!;
  return difference === 0;
}

/** A page of another site can make a browser send requests to a mill on this machine; an open one must not obey it. */
function fromOutside(headers: Headers): Identity {
  const site = headers.get("sec-fetch-site");
  const isOwn = site === null ? !isForeignSocket(headers) : site === "same-origin" || site === "none";
  if (isOwn && !isRebound(headers)) return OPEN;
  throw fail(
    "forbidden",
    "A mill that is open to all (MILLRACE_AUTH=open) takes no requests from pages of other sites, nor under a name that anybody may own; ask for it as localhost or by its address, or configure tokens.",
  );
}

/** Names that nobody can register, so that no stranger can make them lead to this machine; and addresses. */
const NEARBY = /^(?:[^.]+|.+\.(?:localhost|local|internal|lan|home\.arpa|test)|\d+(?:\.\d+){3})$/;

/** To a browser a page is of the same site as this mill when its owner lets the page's name lead to this machine meanwhile. */
function isRebound(headers: Headers): boolean {
  const host = headers.get("host");
  const isBrowser = headers.has("origin") || headers.has("sec-fetch-site") || headers.get("user-agent")?.startsWith("Mozilla/");
  if (host === null || !isBrowser) return false;
  const url = `http://${host}`;
  return !URL.canParse(url) || !NEARBY.test(new URL(url).hostname);
}

/** An upgrade says only by its origin which page asks. */
function isForeignSocket(headers: Headers): boolean {
  const origin = headers.get("origin");
  return isUpgrade(headers) && origin !== null && (!URL.canParse(origin) || new URL(origin).host !== headers.get("host"));
}

/** @throws `forbidden` when the role is not enough; the message says which is */
export function requireRole(identity: Identity, needed: Role): void {
  if (includesRole(identity.role, needed)) return;
  throw fail("forbidden", `This needs the role ${needed} or above; the token ${identity.name} has ${identity.role}.`, {
    needed,
    role: identity.role,
  });
}

/** @throws `forbidden` when the token is limited to other domains */
export function requireDomain(identity: Identity, domain: string): void {
  if (identity.domains === null || identity.domains.has(domain)) return;
  throw fail(
    "forbidden",
    `The token ${identity.name} is limited to ${[...identity.domains].join(", ")}; ask for one that covers this domain.`,
    { domain },
  );
}

/** @throws `forbidden` when the token is limited to some domains, for what concerns all of them */
export function requireAllDomains(identity: Identity): void {
  if (identity.domains === null) return;
  throw fail(
    "forbidden",
    `This concerns the whole mill, and the token ${identity.name} is limited to ${[...identity.domains].join(", ")}.`,
  );
}

function unauthenticated(message: string, presented: boolean): MillraceError {
  return fail("unauthenticated", message, presented ? { reason: "invalid_token" } : {});
}
