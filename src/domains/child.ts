import type { SubmitItem } from "../durable/protocol.ts";
import { fail } from "../policy/errors.ts";
import { canonicalJson, duplicateHash } from "../policy/key.ts";
import type { GivenOptions } from "./submit-options.ts";

/** Options of a submit that a child has not: among its parent's children it is found, never replaced, and its parent is known. */
const NOT_OF_CHILDREN: Readonly<Record<string, string>> = {
  onDuplicate: "spawning the same again answers with the child that is there",
  parent: "its parent is the task that spawns it",
  idempotencyKey: "a child is spawned once in any case; give it a key of its own",
};

/** @throws `invalid_request` naming the option */
export function checkChildOptions(options: GivenOptions): void {
  for (const [name, why] of Object.entries(NOT_OF_CHILDREN)) {
    if (options[name] === undefined) continue;
    throw fail("invalid_request", `A child takes no ${name}: ${why}.`, { issues: [{ path: name, message: "not for children" }] });
  }
}

/**
 * The one parent of all items of a submit; undefined where they have none.
 *
 * @throws `invalid_request` when they have several: a submit is one transaction, in the object of the parent
 */
export function parentOf(items: readonly SubmitItem[]): string | undefined {
  const parent = items[0]?.parent;
  const other = items.findIndex((item) => item.parent !== parent);
  if (other === -1) return parent;
  const message = `The tasks of a batch have one parent, or none: task ${other} has ${items[other]!.parent ?? "none"}, task 0 ${parent ?? "none"}. Send several batches.`;
  throw fail("invalid_request", message, { issues: [{ path: `tasks.${other}.parent`, message: "another parent" }] });
}

/**
 * Gives a prepared item its name among the children of `parent`, in the place of its duplicate key: its type with its key,
 * or its payload. A plain one (`key: null`) has `mark` added, which tells it from its equals; without one it stays plain.
 */
export function nameChild(parent: string, domain: string, item: SubmitItem, mark?: (likeness: string) => string): SubmitItem {
  const { onDuplicate: _none, hash, ...child } = item;
  if (hash !== undefined) return { ...child, hash: nameOf(parent, domain, item.type, hash) };
  if (!mark) return child;
  const likeness = `${domain}\n${duplicateHash(item.type, "payload", canonicalJson(JSON.parse(item.payload)))}`;
  return { ...child, hash: nameOf(parent, domain, item.type, `${likeness}\n${mark(likeness)}`) };
}

const nameOf = (parent: string, domain: string, type: string, text: string): string =>
  duplicateHash(type, "child", `${parent}\n${domain}\n${text}`);
