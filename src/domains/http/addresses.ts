import ipaddr from "ipaddr.js";

/**
 * Which private places may be reached: none (`false`, the default), all but the clouds' metadata services
 * (`true`), or those listed: an address (`"127.0.0.1"`, `"[::1]"`), a range (`"10.0.0.0/8"`), a name
 * (`"printer.local"`), or a name and all below it (`".svc.internal"`).
 */
export type AllowPrivate = boolean | readonly string[];

/** A URL that may be fetched, or why it may not. */
export type AddressVerdict = { url: URL; refused?: undefined } | { url?: undefined; refused: string };

/** Names that never leave a private network (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and what routers use). */
const PRIVATE_SUFFIXES = ["localhost", "local", "internal", "localdomain", "home.arpa", "lan", "intranet", "corp", "home", "private"];

/** Answer with credentials to whoever asks; `true` does not open them, only an entry of their own does. */
const METADATA = new Set([
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
  "fd00:ec2::254",
  "fd00:ec2::23",
  "fd20:ce::254",
  "metadata.google.internal",
  "metadata.goog",
  "metadata",
  "instance-data",
  "instance-data.ec2.internal",
]);

const GLOBAL_V6 = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Judges a URL by its text: scheme, credentials, literal address, name. The URL parser has already turned every
 * odd form (`0x7f.1`, `2130706433`, `0177.0.0.1`, `１２７.0.0.1`) into the plain one. A Worker cannot resolve names,
 * so a public name that points at a private address is not seen here.
 *
 * @param text the URL as written
 * @param allow which private places are allowed
 * @param base what a relative URL (of a redirect) is relative to
 */
export function judgeAddress(text: string, allow: AllowPrivate = false, base?: URL): AddressVerdict {
  const url = URL.parse(text, base);
  if (!url) return { refused: "it is not an absolute URL" };
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { refused: `its scheme is ${url.protocol.slice(0, -1)}, only http and https are delivered to` };
  if (url.username !== "" || url.password !== "") return { refused: "it carries a user name or password; send credentials as a header" };
  const host = plainHost(url);
  if (host === "") return { refused: "it has no host" };
  if (METADATA.has(host)) return lists(allow, host) ? { url } : { refused: `${host} is a cloud's metadata service` };
  const reason = ipaddr.isValid(host) ? addressReason(host) : nameReason(host);
  if (reason === undefined || allow === true || (allow !== false && admits(allow, host))) return { url };
  return { refused: reason };
}

/** Lower case, without brackets, zone and trailing dots; a mapped IPv4 address as IPv4, IPv6 in its short form. */
function plainHost(url: URL): string {
  const host = url.hostname
    .toLowerCase()
    .replaceAll(/^\[|\]$/g, "")
    .replace(/\.+$/, "");
  return ipaddr.isValid(host) ? ipaddr.process(host).toString() : host;
}

function addressReason(host: string): string | undefined {
  const address = ipaddr.parse(host);
  const range = address.range();
  const global = range === "unicast" && (address.kind() === "ipv4" || address.match(GLOBAL_V6));
  return global ? undefined : `${host} is not a public address (${range === "unicast" ? "reserved" : range})`;
}

function nameReason(host: string): string | undefined {
  const suffix = PRIVATE_SUFFIXES.find((name) => host === name || host.endsWith(`.${name}`));
  if (suffix !== undefined) return `${host} is a private name (${suffix})`;
  return host.includes(".") ? undefined : `${host} is a private name (it has no dot)`;
}

const lists = (allow: AllowPrivate, host: string): boolean =>
  typeof allow !== "boolean" && allow.some((entry) => canonicalEntry(entry) === host);

function admits(allow: readonly string[], host: string): boolean {
  return allow.some((entry) => {
    const wanted = canonicalEntry(entry);
    if (wanted === host) return true;
    if (wanted.startsWith(".")) return host.endsWith(wanted) || host === wanted.slice(1);
    return inRange(host, wanted);
  });
}

function canonicalEntry(entry: string): string {
  const plain = entry
    .trim()
    .toLowerCase()
    .replaceAll(/^\[|\]$/g, "");
  return ipaddr.isValid(plain) ? ipaddr.process(plain).toString() : plain;
}

function inRange(host: string, range: string): boolean {
  if (!ipaddr.isValidCIDR(range) || !ipaddr.isValid(host)) return false;
  const address = ipaddr.parse(host);
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match([network, bits] as never);
}
