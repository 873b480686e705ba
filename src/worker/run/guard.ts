import { listing } from "../../domains/listing.ts";
import { fail } from "../../policy/errors.ts";

/** The refusal that every call of a run gets whose lease is over. */
export const leaseLost = () =>
  fail(
    "lease_lost",
    "This execution's run was lost: it was not renewed in time, and its task runs again elsewhere. Stop; nothing it does counts any more.",
  );

/**
 * A domain handle as user code in an executor gets it: its calls reject (also those that are walked with `for await`) with `lease_lost` once the run is lost, and
 * waiting for another task's result is refused, since this task holds a slot that the other may need. `more`: verbs that
 * only an execution has.
 */
export function guarded<Handle extends object>(handle: Handle, lost: () => boolean, more: object = {}): Handle {
  return new Proxy(handle, {
    get(target, key) {
      if (typeof key === "string" && Object.hasOwn(more, key)) return (more as Record<string, unknown>)[key];
      // Of the target itself, so that private members work.
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      if (key === "result") return () => Promise.reject(waiting());
      return (...parameters: unknown[]) => {
        const handleOnly = key === "task" || key === "bulk" || key === "with" || (key === "schedule" && typeof parameters[0] === "string");
        if (!handleOnly && lost()) return listing(() => Promise.reject(leaseLost()));
        const answer: unknown = Reflect.apply(member, target, parameters);
        return handleOnly && typeof answer === "object" && answer !== null ? guarded(answer, lost) : answer;
      };
    },
  });
}

const waiting = () =>
  fail(
    "invalid_state",
    "result() of another task cannot be awaited inside an executor: this task holds a slot that the other may need. Spawn it as a child and read it in finalize, or submit a task that depends on it.",
  );
