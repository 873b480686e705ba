import { LIMITS } from "../../../policy/limits.ts";
import { STATUS_CODE } from "../../../policy/status.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import type { NewTask, TaskRow } from "../rows.ts";
import type { Store } from "../store.ts";

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
const LARGE = LIMITS.jsonParameterBytesMax / 4;

/** Inserts rows, in order, with as few statements as their shapes allow. */
export function insertTasks(store: Store, rows: readonly NewTask[]): void {
  let start = 0;
  while (start < rows.length) {
    const first = rows[start]!;
    const shape = shapeOf(first);
    const texts: string[] = [];
    let bytes = 0;
    for (let row: NewTask | undefined = first; row && (row === first || isAlike(first, row, shape, texts.length));) {
      const text = textOf(row, shape);
      const size = sizeOf(text, shape);
      if (texts.length > 0 && bytes + size > LIMITS.jsonParameterBytesMax) break;
      bytes += size;
      row = rows[start + texts.push(text)];
    }
    if (bytes > LARGE && texts.length === 1) insertLarge(store, first);
    else insertSlice(store, shape, first, texts);
    start += texts.length;
  }
}

type Shape = "plain" | "keyed" | "full";

function shapeOf(row: NewTask): Shape {
  if (row.status !== STATUS_CODE.pending) return "full";
  for (const field in row) if (!SIMPLE.has(field)) return "full";
  return row.key_hash === undefined ? "plain" : row.held === 1 ? "keyed" : "full";
}

/** Whether one statement inserts it with the first: full rows say all of themselves, of others only what differs is said. */
const isAlike = (first: NewTask, row: NewTask, shape: Shape, at: number): boolean =>
  shapeOf(row) === shape &&
  (shape === "full" ||
    (row.id === first.id + at && row.type === first.type && row.priority === first.priority && row.paused_ms === first.paused_ms));

/** What is said of one row: all of it as JSON, or payload and hash. */
function textOf(row: NewTask, shape: Shape): string {
  if (shape !== "full") return shape === "plain" ? row.payload : row.key_hash! + row.payload;
  const { id, type, status, priority, created_at, payload } = row;
  return JSON.stringify([id, type, status, priority, created_at, payload, ...EXTRA.map((field) => row[field] ?? defaultOf(field))]);
}

/** Quotes double at most when JSON text is put into JSON once more. */
const sizeOf = (text: string, shape: Shape): number => (shape === "full" ? utf8Bytes(text) + 1 : 2 * utf8Bytes(text) + 3);

function insertSlice(store: Store, shape: Shape, first: NewTask, texts: readonly string[]): void {
  if (shape === "full") return void store.exec(INSERT_FULL, `[${texts.join(",")}]`);
  const { id, type, priority, created_at, paused_ms = null } = first;
  store.exec(shape === "plain" ? INSERT_PLAIN : INSERT_KEYED, id, type, priority, created_at, paused_ms, JSON.stringify(texts));
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
