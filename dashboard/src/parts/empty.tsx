import type { ComponentChildren } from "preact";
import { token } from "../api/ask.ts";
import { Copy } from "./copy.tsx";

/** A view without content says what would be there, and how to get it there. */
export function Empty({ title, command, children }: { title: string; command?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
      {command === undefined ? null : <Command text={command} />}
    </div>
  );
}

/** A command to paste into a terminal. */
function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label="Copy the command" />
    </div>
  );
}

/** A request as `curl`; the token itself stays out of it. */
export function curl(path: string, method = "GET", body?: unknown): string {
  const parts = [`curl -s ${method === "GET" ? "" : `-X ${method} `}'${new URL(path, document.baseURI.split("#")[0]).href}'`];
  if (token.value !== null) parts.push(`-H "authorization: Bearer $MILLRACE_TOKEN"`);
  if (body !== undefined)
    parts.push(`-H 'content-type: application/json'`, `-d '${JSON.stringify(body).replaceAll("'", String.raw`'\''`)}'`);
  return parts.join(" \\\n  ");
}
