import { InvalidArgumentError } from "commander";
import type { Json } from "../domains/task.ts";
import { type Duration, parseDuration } from "../policy/duration.ts";
import { UsageError, type World } from "./world.ts";

/** A payload as it stands on the command line: JSON, `-` for standard input, `@file`. */
export async function readPayload(world: World, given: string | undefined): Promise<Json> {
  const text = await readText(world, given ?? "{}");
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new UsageError(
      `The payload is not JSON: ${(error as Error).message}. Quote it for the shell, or use @file, or - for standard input.`,
    );
  }
}

/** Text as it stands, `-` for standard input, `@file`. */
export async function readText(world: World, given: string): Promise<string> {
  if (given === "-") return world.readInput();
  if (!given.startsWith("@")) return given;
  try {
    return await world.readFile(given.slice(1));
  } catch (error) {
    throw new UsageError(`${given.slice(1)} cannot be read: ${(error as Error).message}`);
  }
}

/** Of an option that is given several times. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** `key=value`, again and again. */
export function collectTag(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("A tag is written key=value.");
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}

/** `high`, or 0 to 255; the mill judges it. */
export const readPriority = (value: string): string | number => (/^\d+$/.test(value) ? Number(value) : value);

/** A duration, as it stands: nothing is asked where it is none. */
export function readDuration(value: string): Duration {
  try {
    parseDuration(value, "duration");
    return value as Duration;
  } catch {
    throw new InvalidArgumentError("A duration is written 250ms, 30s, 5m, 2h, 7d.");
  }
}

/** A count of at least one. */
export function readCount(value: string): number {
  const count = Number(value);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

/** A JSON object, for options that have no flag of their own. */
export function readObject(value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('It must be a JSON object such as {"failFast":false}.');
}
