import { signal } from "@preact/signals";

/** Where the page is: `#/tasks?q=status:failed`. In the fragment, so that every prefix and every static host will do. */
export interface Address {
  /** Its words, decoded: `["tasks", "media_17"]`. */
  path: readonly string[];
  query: URLSearchParams;
}

type Query = Readonly<Record<string, string | undefined>>;

/** The current address; follows links, `go` and the browser's buttons. */
export const address = signal<Address>(read());
addEventListener("hashchange", () => {
  address.value = read();
});

function read(): Address {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** A link to a view. */
export function href(path: readonly string[], query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") search.set(name, value);
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/** Goes there; `replace`: without a step for the browser's back button. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", to);
    address.value = read();
  } else location.hash = to;
}

/** The list of tasks that a search finds. */
export const tasksHref = (search: string): string => href(["tasks"], { q: search });
/** A task's page. */
export const taskHref = (id: string): string => href(["tasks", id]);
