import { LIMITS } from "../../policy/limits.ts";
import { STATUS_CODE } from "../../policy/status.ts";
import { utf8Bytes } from "../../policy/text.ts";
import type { NewTask, TaskRow } from "./rows.ts";
import type { Store } from "./store.ts";

const EXTRA = [
  "key",
  "key_hash",
  "held",
  "label",
  "tags",
  "options",
  "run_at",
  "ttl_at",
  "deadline_at",
  "expires_at",
  "attempt",
  "executions",
  "started_at",
  "errors",
  "suspect",
  "interruptions",
  "cancelling",
  "schedule",
  "parent",
  "error",
  "finished_at",
  "grp",
  "fair",
  "paused_ms",
] as const satisfies readonly (keyof TaskRow)[];

// A statement per row costs 50 µs, one for a thousand rows 3 to 5 µs a row (measured): so sets, through json_each.
const INSERT_PLAIN = `INSERT INTO tasks (id, type, status, priority, created_at, paused_ms, payload)
  SELECT ?1 + key, ?2, 0, ?3, ?4, ?5, value FROM json_each(?6)`;
// Hash and payload in one string: cheaper to cut apart than a nested array is to parse twice.
const INSERT_KEYED = `INSERT INTO tasks (id, type, status, priority, created_at, paused_ms, payload, key_hash, held)
  SELECT ?1 + key, ?2, 0, ?3, ?4, ?5, substr(value, 33), substr(value, 1, 32), 1 FROM json_each(?6)`;
const INSERT_FULL = `INSERT INTO tasks (id, type, status, priority, created_at, payload, ${EXTRA.join(", ")})
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, ${EXTRA.map((_, index) => `value ->> ${index + 6}`).join(", ")}
  FROM json_each(?1)`;

const SIMPLE: ReadonlySet<string> = new Set(["id", "type", "status", "priority", "payload", "created_at", "paused_ms", "key_hash", "held"]);
/** Quotes double at most when the JSON text is put into JSON once more. */
const sizeOf = (row: NewTask): number => 2 * utf8Bytes(row.payload) + 64;
const LARGE = LIMITS.jsonParameterBytesMax / 4;

/** Inserts rows, in order, with as few statements as their shapes allow. */
export function insertTasks(store: Store, rows: readonly NewTask[]): void {
  let start = 0;
  while (start < rows.length) {
    const first = rows[start]!;
    const shape = shapeOf(first);
    let bytes = sizeOf(first);
    let end = start + 1;
    for (; end < rows.length && bytes <= LIMITS.jsonParameterBytesMax; end += 1) {
      const row = rows[end]!;
      const size = sizeOf(row);
      if (bytes + size > LIMITS.jsonParameterBytesMax || shapeOf(row) !== shape || row.id !== first.id + end - start) break;
      if (shape !== "full" && (row.type !== first.type || row.priority !== first.priority || row.paused_ms !== first.paused_ms)) break;
      bytes += size;
    }
    insertSlice(store, shape, rows.slice(start, end), bytes);
    start = end;
  }
}

type Shape = "plain" | "keyed" | "full";

function shapeOf(row: NewTask): Shape {
  if (row.status !== STATUS_CODE.pending) return "full";
  for (const field in row) if (!SIMPLE.has(field)) return "full";
  return row.key_hash === undefined ? "plain" : row.held === 1 ? "keyed" : "full";
}

function insertSlice(store: Store, shape: Shape, rows: readonly NewTask[], bytes: number): void {
  const first = rows[0]!;
  if (bytes > LARGE && rows.length === 1) return insertLarge(store, first);
  if (shape === "full") {
    const values = rows.map((row) => [
      row.id,
      row.type,
      row.status,
      row.priority,
      row.created_at,
      row.payload,
      ...EXTRA.map((field) => row[field] ?? defaultOf(field)),
    ]);
    store.exec(INSERT_FULL, JSON.stringify(values));
  } else {
    const values = shape === "plain" ? rows.map((row) => row.payload) : rows.map((row) => row.key_hash! + row.payload);
    store.exec(
      shape === "plain" ? INSERT_PLAIN : INSERT_KEYED,
      first.id,
      first.type,
      first.priority,
      first.created_at,
      first.paused_ms ?? null,
      JSON.stringify(values),
    );
  }
}

/** A payload too large to be wrapped in JSON again travels as its own parameter (a string may be 2 MB). */
function insertLarge(store: Store, row: NewTask): void {
  const columns = ["id", "type", "status", "priority", "created_at", "payload", ...EXTRA] as const;
  store.exec(
    `INSERT INTO tasks (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    ...columns.map((column) => row[column] ?? defaultOf(column)),
  );
}

/** One row as it is, whatever its columns. */
export function insertCopy(store: Store, row: TaskRow): void {
  const columns = Object.keys(row) as (keyof TaskRow)[];
  store.exec(
    `INSERT INTO tasks (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    ...columns.map((column) => row[column]),
  );
}

const NOT_NULL: ReadonlySet<string> = new Set(["attempt", "executions", "suspect", "interruptions", "cancelling"]);
const defaultOf = (field: string): number | null => (NOT_NULL.has(field) ? 0 : null);
