import { otherQ, workQ } from "./index.ts";
import { expectBalanced } from "./laws.ts";
import { rows, until } from "./reach.ts";
import { journal } from "./script.ts";

// Tasks of the domains `work` and `other`, whichever they are in.

/** The other domain: its tasks are played by the same script. */
export const farQ = otherQ as unknown as typeof workQ;

export const get = (id: string) => (id.startsWith("work_") ? workQ : farQ).task("play", id).get();

/** The task, once it has ended. */
export const over = (id: string) =>
  until(
    () => get(id),
    (task) => task.finishedAt !== null,
  );

/** The task, once it has that status. */
export const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );

/** How often it has been started. */
export const started = (id: string) => journal.filter((one) => one.id === id && one.run === "started").length;

/** No message is under way between the two. */
export const quiet = () =>
  until(
    async () => [...(await rows("work", "SELECT 1 FROM outbox")), ...(await rows("other", "SELECT 1 FROM outbox"))],
    (left) => left.length === 0,
  );

/** Nothing is under way, and the counters of both say what their tasks say. */
export async function balanced(): Promise<void> {
  await quiet();
  for (const domain of ["work", "other"]) await expectBalanced(domain);
}
