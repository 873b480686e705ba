import { fail, type MillraceError } from "../../policy/errors.ts";

export const isFull = (error: unknown): boolean => error instanceof Error && /SQLITE_FULL|database or disk is full/i.test(error.message);

export const storageFull = (domain: string): MillraceError =>
  fail(
    "storage_full",
    `The storage of domain ${domain} is full (10 GB on the paid plan). Reads still work: purge finished tasks, or shorten the history it keeps.`,
    {
      retryAfterMs: 60_000,
    },
  );
