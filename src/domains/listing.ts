import type { Page } from "./task.ts";

/**
 * A page of a list, and a way through all of it: awaited it is the page that was asked for; in `for await` it is every
 * item from there on, page by page, each asked for when it is reached.
 */
export type Listing<Item> = Promise<Page<Item>> & AsyncIterable<Item>;

/** A list of what `ask` answers: with no cursor the first page, then the one that each `next` stands for. */
export function listing<Item>(ask: (cursor: string | undefined) => Promise<Page<Item>>): Listing<Item> {
  const first = ask(undefined);
  return Object.assign(first, { [Symbol.asyncIterator]: () => walk(first, ask) });
}

async function* walk<Item>(
  first: Promise<Page<Item>>,
  ask: (cursor: string) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  for (let page = await first; ; page = await ask(page.next)) {
    yield* page.items;
    if (page.next === null) return;
  }
}
