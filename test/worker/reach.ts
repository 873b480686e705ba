import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import type { DomainObject } from "../../src/durable/domain/object.ts";

const namespace = (exports as unknown as { MillDomain: DurableObjectNamespace<DomainObject> }).MillDomain;

/** The stub of a domain's object, for the test plugin's tools. */
export const stub = (domain: string): DurableObjectStub<DomainObject> => namespace.getByName(domain);

/** Rings the object's alarm now; false when none stands. */
export const ring = (domain: string): Promise<boolean> => runDurableObjectAlarm(stub(domain));

/** Rows straight from the object's SQLite. */
export const rows = <Row extends Record<string, SqlStorageValue>>(domain: string, query: string, ...bindings: unknown[]): Promise<Row[]> =>
  runInDurableObject(stub(domain), (_object, state) => state.storage.sql.exec<Row>(query, ...bindings).toArray());

/** When the object's alarm stands. */
export const alarmAt = (domain: string): Promise<number | null> =>
  runInDurableObject(stub(domain), (_object, state) => state.storage.getAlarm());

/** Asks until the answer satisfies; the test's own timeout ends it. */
export async function until<T>(ask: () => Promise<T> | T, satisfies: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    await scheduler.wait(5);
  }
}
