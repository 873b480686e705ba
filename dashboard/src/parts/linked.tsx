import { taskHref } from "../address.ts";

const ID = /\b([a-z][a-z0-9-]{0,62}_\d+)\b/;

/** A text of the mill in which the ids of tasks lead to them. */
export function Linked({ text }: { text: string }) {
  // Splitting by a group keeps what it matched, at every second place.
  const parts = text.split(ID);
  return (
    <>
      {parts.map((part, at) =>
        at % 2 === 1 ? (
          <a key={`${at} ${part}`} href={taskHref(part)}>
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </>
  );
}
