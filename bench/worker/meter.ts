/** Counts the rows that an object writes through `sql` from now on; the answer reads the count. */
export function meterRows(sql: SqlStorage): () => number {
  const exec = sql.exec.bind(sql);
  let open: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let rows = 0;
  const count = () => {
    for (const cursor of open) rows += cursor.rowsWritten;
    open = [];
    return rows;
  };
  Object.defineProperty(sql, "exec", {
    value: (query: string, ...bindings: unknown[]) => {
      const cursor = exec(query, ...bindings);
      if (open.push(cursor) > 100) count();
      return cursor;
    },
  });
  return count;
}
