import { slices } from "../slices.ts";
import type { Store } from "../store.ts";

export function insertTags(store: Store, rows: readonly { id: number; tags: Record<string, string> }[]): void {
  const triples = rows.flatMap(({ id, tags }) => Object.entries(tags).map(([key, value]) => [key, value, id] as const));
  for (const slice of slices(triples, ([key, value]) => 2 * (key.length + value.length) * 3 + 32)) {
    store.exec("INSERT INTO tags (key, value, task) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)", JSON.stringify(slice));
  }
}

export function deleteTags(store: Store, rows: readonly { id: number; tags: Record<string, string> }[]): void {
  const triples = rows.flatMap(({ id, tags }) => Object.entries(tags).map(([key, value]) => [key, value, id] as const));
  for (const slice of slices(triples, ([key, value]) => 2 * (key.length + value.length) * 3 + 32)) {
    store.exec(
      "DELETE FROM tags WHERE (key, value, task) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))",
      JSON.stringify(slice),
    );
  }
}
