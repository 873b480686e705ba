import { httpDomain } from "millrace";
import { allowedPrivate, type Env } from "./env.ts";

/** The shipped domain `http`, configured by this Worker's secrets. */
export const http = httpDomain({
  keys: (env: Env) => [env.WEBHOOK_SECRET, env.WEBHOOK_SECRET_PREVIOUS],
  allowPrivate: allowedPrivate,
});
