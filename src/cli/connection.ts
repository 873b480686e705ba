import { type AnyMill, createClient } from "../client/index.ts";
import { Http } from "../client/http.ts";
import { parseScheduleId, parseTaskId } from "../policy/ids.ts";
import { UsageError, type World } from "./world.ts";

/** Where `npm start` puts a mill. */
const LOCAL = "http://localhost:8787";

/** Any mill, as the command line knows it: any name, any JSON. */
type Untyped = ReturnType<typeof createClient<AnyMill>>;

/** A mill that the command line talks to. */
export interface Connection {
  url: string;
  client: Untyped;
  /** For what no handle has. */
  http: Http;
  domain(name: string): ReturnType<Untyped["domain"]>;
}

/** @throws `UsageError` when the address is none */
export function connect(world: World, given: string | undefined): Connection {
  const url = given ?? world.env.MILLRACE_URL ?? LOCAL;
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw new UsageError(`${JSON.stringify(url)} is no address of a mill; those begin with http:// or https://.`);
  const token = world.env.MILLRACE_TOKEN;
  const options = { url, fetch: world.fetch, clock: world.clock, ...(token ? { token } : {}) };
  const http = new Http(options, world.clock, world.interrupted);
  const client = createClient(options).with({ signal: world.interrupted });
  return { url, client, http, domain: (name) => client.domain(name) };
}

/** The task of an id, whatever its type. @throws `UsageError` when it is none */
export function taskOf({ domain }: Connection, id: string) {
  const parsed = parseTaskId(id);
  if (!parsed) throw new UsageError(`${JSON.stringify(id)} is not the id of a task; those look like media_17.`);
  return domain(parsed.domain).task("task", id);
}

/** The schedule of an id. @throws `UsageError` when it is none */
export function scheduleOf({ domain }: Connection, id: string) {
  const parsed = parseScheduleId(id);
  if (!parsed) throw new UsageError(`${JSON.stringify(id)} is not the id of a schedule; those look like media_s3.`);
  return domain(parsed.domain).schedule(id);
}
