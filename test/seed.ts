import fc from "fast-check";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    seed: number;
  }
}

/** What chance begins with in every test: the same each time, unless `MILLRACE_SEED` (or `npm run fuzz`) says otherwise. */
export const seed = inject("seed");

// A setup file of the projects, so that no property can be left out.
fc.configureGlobal({ seed });
