let open: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
let rows = 0;

/** How many rows were written through every `sql` that `meterRows` was given, by objects that are gone, too. */
export function rowsWritten(): number {
  for (const cursor of open) rows += cursor.rowsWritten;
  open = [];
  return rows;
}

/** Counts the rows that an object writes through `sql` from now on. */
export function meterRows(sql: SqlStorage): void {
  const exec = sql.exec.bind(sql);
  Object.defineProperty(sql, "exec", {
    value: (query: string, ...bindings: unknown[]) => {
      const cursor = exec(query, ...bindings);
      if (open.push(cursor) > 100) rowsWritten();
      return cursor;
    },
  });
}
