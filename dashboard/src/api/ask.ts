import { signal } from "@preact/signals";
import { Problem } from "./problem.ts";

/** Also where the page `/docs` keeps it. */
const KEY = "millrace.token";

/** The bearer token of this tab, or null. */
export const token = signal<string | null>(sessionStorage.getItem(KEY));
/** Why the mill let nobody in, in its own words; null while it does. */
export const refused = signal<string | null>(null);

/** Keeps a token for this tab; null forgets it. */
export function keepToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
  token.value = value;
}

/** Where the mill is: beside this page, whatever prefix it is served under. */
export const BASE = new URL("./", document.location.href.split("#")[0]);

interface Asking {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  /** JSON text, sent as it stands: numbers that JavaScript cannot hold stay exact. */
  text?: string;
  signal?: AbortSignal;
}

/**
 * One request to the mill's API.
 *
 * @param path below the mill, such as `v1/domains`
 * @param read how the body becomes a value; `JSON.parse` by default
 * @throws `Problem` for what the mill refuses, with its own words; `TypeError` when it cannot be reached
 * @example await ask<Task>("v1/tasks/media_17/cancel", { method: "POST" })
 */
export async function ask<Answer>(path: string, asking: Asking = {}, read: (text: string) => unknown = JSON.parse): Promise<Answer> {
  const { method = "GET", signal: abort } = asking;
  const sent = asking.text ?? (asking.body === undefined ? undefined : JSON.stringify(asking.body));
  const headers = new Headers({ accept: "application/json" });
  const used = token.peek();
  if (used !== null) headers.set("authorization", `Bearer ${used}`);
  if (sent !== undefined) headers.set("content-type", "application/json");
  const response = await fetch(new URL(path, BASE), { method, headers, body: sent ?? null, signal: abort ?? null });
  const text = await response.text();
  if (response.ok) {
    refused.value = null;
    return read(text) as Answer;
  }
  const problem = new Problem(response.status, parseProblem(text));
  if (response.status === 401 && used === token.peek()) refused.value = problem.message;
  throw problem;
}

function parseProblem(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A path with parameters; those without a value are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | number | readonly string[] | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}
