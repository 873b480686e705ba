#!/usr/bin/env node
// `npx millrace`: the real world around the command line.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { systemClock } from "../clock.ts";
import { run } from "./program.ts";

const { version } = JSON.parse(readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url).href), "utf8")) as {
  version: string;
};
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));
// A reader that has seen enough (`| head`) is no fault, and nothing goes on for it.
let isUnread = false;
const unread = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EPIPE") throw error;
  isUnread = true;
  interrupt.abort(error);
};
process.stdout.on("error", unread);
process.stderr.on("error", unread);

const code = await run(
  process.argv.slice(2),
  {
    env: process.env,
    clock: systemClock,
    interrupted: interrupt.signal,
    fetch: (request) => fetch(request),
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    screen: process.stdout.isTTY ? { stream: process.stdout, columns: process.stdout.columns } : undefined,
    readInput: () => text(process.stdin),
    readFile: (path) => readFile(path, "utf8"),
  },
  version,
);
process.exitCode = isUnread ? 0 : code;
