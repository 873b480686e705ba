import { DurableObject } from "cloudflare:workers";
import { migrations } from "../../src/durable/domain/migrations.ts";
import { insertTasks } from "../../src/durable/domain/submit/insert-rows.ts";
import { completeRange, readForRun, type NewTask } from "../../src/durable/domain/rows.ts";
import { freshState, saveState } from "../../src/durable/domain/state.ts";
import { Store } from "../../src/durable/domain/store.ts";
import { migrate } from "../../src/durable/migrate.ts";

/** The same kind of object with the same tables and statements, and nothing else: what SQLite alone would allow. */
export class Floor extends DurableObject {
  readonly #store: Store;
  #next = 1;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations, Date.now());
    this.#store = new Store(ctx.storage);
  }

  /**
   * Inserts, reads and completes `tasks` rows in transactions of `batch`, as submit, dispatch and settle do.
   *
   * @returns ms until all of it is on disk
   */
  async loop({ tasks, batch, durable }: { tasks: number; batch: number; durable: boolean }): Promise<number> {
    const store = this.#store;
    const state = freshState();
    const begun = performance.now();
    for (let done = 0; done < tasks; done += batch) {
      const first = this.#next;
      this.#next += batch;
      const now = Date.now();
      const rows = Array.from({ length: batch }, (_, index): NewTask => ({
        id: first + index,
        type: "plain",
        status: 0,
        priority: 128,
        payload: `{"n":${first + index}}`,
        created_at: now,
      }));
      store.transact(() => {
        insertTasks(store, rows);
        saveState(store, state);
      });
      if (durable) await this.ctx.storage.sync();
      for (let at = first; at < first + batch; at += 250) {
        const last = Math.min(at + 250, first + batch) - 1;
        store.transact(() => {
          readForRun(store, at, last);
          completeRange(store, at, last, now, now);
          saveState(store, state);
        });
        if (durable) await this.ctx.storage.sync();
      }
      store.drain();
    }
    await this.ctx.storage.sync();
    return performance.now() - begun;
  }
}
