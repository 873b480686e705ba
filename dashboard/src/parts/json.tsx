import { useSignal } from "@preact/signals";
import { exactDigits, formatExact } from "../json.ts";
import { Copy } from "./copy.tsx";

/** Deeper than this is folded at first. */
const OPEN_DEPTH = 2;
/** More members than that are shown on demand. */
const SHOWN_MAX = 100;
/** What the mill puts in place of members that a viewer may not see. */
const REDACTED = "[redacted]";

interface Props {
  value: unknown;
  /** Members of the value itself that are covered until somebody asks for them. */
  covered?: readonly string[];
}

/** A value of JSON as a tree that can be folded and copied. */
export function Json({ value, covered = [] }: Props) {
  const uncovered = useSignal(false);
  const canCover = isObject(value) && covered.some((name) => Object.hasOwn(value, name) && value[name] !== REDACTED);
  const isCovered = canCover && !uncovered.value;
  return (
    <div class="json">
      <div class="json-tools">
        {canCover ? (
          <button type="button" class="plain copy" aria-pressed={uncovered.value} onClick={() => (uncovered.value = !uncovered.value)}>
            {uncovered.value ? "cover" : "uncover"}
          </button>
        ) : null}
        <Copy text={formatExact(isCovered ? cover(value, covered) : value)} label="Copy as JSON" />
      </div>
      <Node value={isCovered ? cover(value, covered) : value} depth={0} />
    </div>
  );
}

function cover(value: unknown, covered: readonly string[]): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, covered.includes(name) ? REDACTED : member]));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const limit = useSignal(SHOWN_MAX);
  const label = name === undefined ? null : <span class="json-name">{name}: </span>;
  const members = exactDigits(value) === undefined ? membersOf(value) : undefined;
  if (!members)
    return (
      <div class="json-leaf">
        {label}
        <Leaf value={value} />
      </div>
    );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (members.length === 0)
    return (
      <div class="json-leaf">
        {label}
        {open}
        {close}
      </div>
    );
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        {label}
        {open} <span class="dim">{members.length}</span> {close}
      </summary>
      <div class="json-members">
        {members.slice(0, limit.value).map(([key, member]) => (
          <Node key={key} name={key} value={member} depth={depth + 1} />
        ))}
        {members.length > limit.value ? (
          <button type="button" class="link" onClick={() => (limit.value += SHOWN_MAX)}>
            {members.length - limit.value} more
          </button>
        ) : null}
      </div>
    </details>
  );
}

/** Objects by name, so that two payloads can be compared; lists in their order. */
function membersOf(value: unknown): [string, unknown][] | undefined {
  if (Array.isArray(value)) return value.map((member, at) => [String(at), member]);
  return isObject(value) ? Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)) : undefined;
}

function Leaf({ value }: { value: unknown }) {
  if (value === REDACTED) return <span class="dim">redacted</span>;
  if (typeof value === "string") return <span class="json-text">{JSON.stringify(value)}</span>;
  return <span class="json-plain">{exactDigits(value) ?? String(value)}</span>;
}
