import { runInDurableObject } from "cloudflare:test";
import { crash } from "./drive.ts";
import { stub } from "./reach.ts";

/** Changes what is stored, behind the object's back, then ends its life: the next one finds it so. */
export async function found(domain: string, change: (sql: SqlStorage, storage: DurableObjectStorage) => void): Promise<void> {
  await runInDurableObject(stub(domain), async (_object, { storage }) => {
    change(storage.sql, storage);
    await storage.sync();
  });
  await crash(domain);
}

/** The next statements of a domain that begin so fail, as when the disk does; answers how many failures are left. */
export const failing = (domain: string, text: string, times = 1, message = "disk I/O error"): Promise<() => number> =>
  runInDurableObject(stub(domain), (_object, { storage }) => {
    let left = times;
    const exec = storage.sql.exec.bind(storage.sql);
    Object.defineProperty(storage.sql, "exec", {
      configurable: true,
      value: (query: string, ...bindings: unknown[]) => {
        if (left === 0 || !query.startsWith(text)) return exec(query, ...bindings);
        left -= 1;
        throw new Error(message);
      },
    });
    return () => left;
  });
