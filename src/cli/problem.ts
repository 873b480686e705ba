import { MillraceError } from "../policy/errors.ts";
import { EXIT, UsageError, type World } from "./world.ts";

/** Says what went wrong, for people or as one line of JSON, and answers with the exit code that stands for it. */
export function report(error: unknown, world: World, json: boolean, url: string | undefined): number {
  if (world.interrupted.aborted) return EXIT.interrupted;
  if (error instanceof UsageError) return say(world, json, EXIT.usage, { code: "usage", message: error.message, facts: {} });
  if (!MillraceError.is(error)) throw error;
  const { code, message, facts } = error;
  const hint = HINTS[code]?.(url);
  return say(world, json, exitOf(error), { code, message: hint === undefined ? message : `${message}\n${hint}`, facts });
}

/** What is wrong with the command line, in the words of its parser. */
export function reportUsage(text: string, world: World, json: boolean): void {
  if (json) say(world, json, EXIT.usage, { code: "usage", message: text.replace(/^error: /, ""), facts: {} });
  else world.err(text);
}

function say(
  world: World,
  json: boolean,
  exit: number,
  { code, message, facts }: { code: string; message: string; facts: object },
): number {
  world.err(json ? JSON.stringify({ ...facts, code, message }) : `${code}: ${message}`);
  return exit;
}

const HINTS: Readonly<Record<string, (url: string | undefined) => string>> = {
  domain_unreachable: (url) => (url === undefined ? "" : `Is there a mill at ${url}? Say where it is with --url or MILLRACE_URL.`),
  unauthenticated: () => "The token is read from MILLRACE_TOKEN.",
};

/** 429 and 503 pass by themselves; what is left is a refusal. */
function exitOf(error: MillraceError): number {
  if (error.facts.ended === false) return EXIT.active;
  if (error.code === "unauthenticated" || error.code === "forbidden") return EXIT.forbidden;
  return error.status === 429 || error.status === 503 ? EXIT.unreachable : EXIT.refused;
}
