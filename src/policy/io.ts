import { fail } from "./errors.ts";
import { didYouMean } from "./names.ts";

/** Bytes that a task moves, by what it moves them over; what is absent counts as nothing said. */
export interface Io {
  disk?: { read?: number; write?: number };
  net?: { rx?: number; tx?: number };
}

/** Everything that is counted apart. */
export const AXES = ["disk.read", "disk.write", "net.rx", "net.tx"] as const;
export type Axis = (typeof AXES)[number];

/** The same by axis, as it is stored. */
export type IoByAxis = Partial<Record<Axis, number>>;

const WAYS = { disk: ["read", "write"], net: ["rx", "tx"] } as const;

/**
 * The bytes that a type says its tasks move.
 *
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 * @example `parseIo({ net: { rx: 1_000_000 } }) // { "net.rx": 1000000 }`
 */
export function parseIo(value: unknown, name = "io"): IoByAxis {
  const issues: Issue[] = [];
  const found: IoByAxis = {};
  for (const [device, given] of membersOf(value, name, Object.keys(WAYS), issues)) {
    const ways = WAYS[device as keyof typeof WAYS];
    for (const [way, bytes] of membersOf(given, `${name}.${device}`, ways, issues)) {
      if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0) found[`${device}.${way}` as Axis] = bytes;
      else issues.push({ path: `${name}.${device}.${way}`, message: "must be a number of bytes: an integer, 0 or more" });
    }
  }
  if (issues.length === 0 && Object.keys(found).length === 0) issues.push({ path: name, message: "says nothing; leave it out" });
  if (issues.length === 0) return found;
  throw fail("invalid_request", issues.map(({ path, message }) => `${path}: ${message}`).join("; "), { issues });
}

interface Issue {
  path: string;
  message: string;
}

/** The members of an object, those that do not belong there as issues. */
function membersOf(value: unknown, path: string, known: readonly string[], issues: Issue[]): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    issues.push({ path, message: `must be an object of ${known.join(", ")}, such as { net: { rx: 1_000_000 } }` });
    return [];
  }
  return Object.entries(value).filter(([name, one]) => {
    if (known.includes(name)) return one !== undefined;
    const hint = didYouMean(name, known);
    issues.push({
      path: `${path}.${name}`,
      message: hint ? `there is no such member; did you mean "${hint}"?` : "there is no such member",
    });
    return false;
  });
}

/** Adds what an executor recorded to what it had before. What is no number of bytes counts as none: to keep books must not fail the work. */
export function addIo(sum: IoByAxis | undefined, more: Io): IoByAxis {
  const total: IoByAxis = { ...sum };
  for (const axis of AXES) {
    const [device, way] = axis.split(".") as ["disk", "read"];
    const bytes: unknown = more?.[device]?.[way];
    if (typeof bytes === "number" && Number.isFinite(bytes) && bytes > 0)
      total[axis] = Math.min(Number.MAX_SAFE_INTEGER, (total[axis] ?? 0) + Math.round(bytes));
  }
  return total;
}

/** As everybody sees it; null where nothing was said. */
export function showIo(io: IoByAxis | null | undefined): Io | null {
  const shown: Record<string, Record<string, number>> = {};
  for (const axis of AXES) {
    const bytes = io?.[axis];
    if (bytes === undefined) continue;
    const [device, way] = axis.split(".") as ["disk", "read"];
    (shown[device] ??= {})[way] = bytes;
  }
  return Object.keys(shown).length === 0 ? null : (shown as Io);
}
