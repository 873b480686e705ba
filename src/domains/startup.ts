import type { SubmitOptions } from "./handle.ts";
import type { InputOf, TypeName } from "./shape.ts";

/** Where this mill runs: `MILLRACE_MODE`, which may also be `none`. */
export type StartMode = "local" | "production";

/** What `onStart` submits with. Nothing is sent before it has returned. */
export interface StartJobs<Types = unknown> {
  /**
   * Submits a task of the domain, once `onStart` has returned. A key makes it happen once however many deploys follow each
   * other; without one, an equal task that still lives does.
   *
   * @example `jobs.submit("crawl", { site: "example.com" }, { key: "sentinel", priority: "background" });`
   */
  submit<Type extends TypeName<Types>>(type: Type, payload: InputOf<Types, Type>, options?: SubmitOptions): void;
}
