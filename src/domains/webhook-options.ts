import { type EventName, EVENTS } from "../policy/events/event.ts";
import { fail, MillraceError, NonRetryableError } from "../policy/errors.ts";
import { didYouMean } from "../policy/names.ts";
import type { SubmitItem } from "../durable/protocol.ts";
import type { DomainDefinition, Registry, TypeDefinition } from "./definition.ts";
import { checkKeys, type SigningKeys } from "./http/sign.ts";
import { prepare } from "./prepare.ts";

/** What can be sent: all that belongs to a transaction of a domain. */
export type WebhookEvent = Exclude<EventName, "task.progress" | "task.overrun" | "missed" | `mill.${string}` | `group.${string}`>;

/** An address that is told of events, by signed deliveries of the domain `http`. */
export interface WebhookOptions<Env = never> {
  /** Absolute, http or https; each address once. */
  url: string;
  events: readonly WebhookEvent[];
  /** What deliveries are signed with: one key of 16 bytes or more, or the one in use and the other one of a rotation. */
  secret: string | SigningKeys | ((env: Env) => string | SigningKeys | undefined);
  /** Of these domains alone; default: of all but `http`. */
  domains?: readonly string[];
}

/** A webhook, checked. */
export interface Webhook {
  url: string;
  events: ReadonlySet<string>;
  domains: ReadonlySet<string> | undefined;
  secret: WebhookOptions["secret"];
  /** Its deliveries, but for their payload. */
  item: Omit<SubmitItem, "payload">;
}

/** The domain that delivers, and its type. */
export const HTTP_DOMAIN = "http";
const TYPE = "deliver";
/** Says of a delivery that it is a webhook's; no submit may set it. */
const MARK = "_webhook";
const UNSENT: ReadonlySet<string> = new Set(["task.progress", "task.overrun", "missed"]);
const NAMES = EVENTS.filter((name) => !UNSENT.has(name) && !/^(mill|group)\./.test(name));

/** The registry with its webhooks: their deliveries are signed with their own secrets. */
export function addWebhooks(registry: Registry, given: unknown, problems: string[]): Registry {
  if (!Array.isArray(given)) {
    problems.push("createMill: webhooks must be a list of { url, events, secret }.");
    return registry;
  }
  const http = registry.domains.get(HTTP_DOMAIN);
  const type = http?.types.get(TYPE);
  if (!http || !type) {
    problems.push("createMill: webhooks are delivered by the domain http; list httpDomain({ … }) among domains.");
    return registry;
  }
  const webhooks = given.flatMap((one: unknown, index) => {
    const where = `createMill: webhooks[${index}]`;
    if (typeof one !== "object" || one === null) return (problems.push(`${where} must be { url, events, secret }.`), []);
    const found = problemsOf(registry, one as WebhookOptions).map((problem) => `${where}${problem}`);
    const isTwice =
      given.findIndex((other: unknown) => (other as WebhookOptions | null)?.url === (one as WebhookOptions | null)?.url) < index;
    if (isTwice) found.push(`${where}: another one goes to the same url; join their events.`);
    problems.push(...found);
    return found.length > 0 ? [] : [webhookOf(registry, http, one as WebhookOptions, where, problems)].filter((made) => made !== undefined);
  });
  const types = new Map(http.types).set(TYPE, signing(type, webhooks));
  return { ...registry, webhooks, domains: new Map(registry.domains).set(HTTP_DOMAIN, { ...http, types }) };
}

function problemsOf(registry: Registry, { url, events, secret, domains, ...others }: WebhookOptions): string[] {
  const problems = Object.keys(others).map((name) => `: there is no option ${name}; it takes url, events, secret, domains.`);
  if (typeof url !== "string") problems.push(".url must be text.");
  if (!Array.isArray(events) || events.length === 0) problems.push(".events must be a list of at least one event.");
  else
    for (const event of events as string[]) {
      if ((NAMES as string[]).includes(event)) continue;
      const hint = didYouMean(event, NAMES);
      problems.push(
        `.events: ${JSON.stringify(event)} cannot be sent; ${hint === undefined ? `there are ${NAMES.join(", ")}` : `did you mean ${hint}?`}`,
      );
    }
  const secretProblem = problemOfSecret(secret);
  if (secretProblem !== undefined) problems.push(`.secret: ${secretProblem}`);
  if (
    domains !== undefined &&
    (!Array.isArray(domains) || domains.some((name) => !registry.domains.has(name as string) || name === HTTP_DOMAIN))
  )
    problems.push(".domains must be a list of names of this mill's domains, http not among them: nothing of deliveries is delivered.");
  return problems;
}

/** What is wrong with a secret that is there already; one that a function gives is judged when it is used. */
function problemOfSecret(secret: unknown): string | undefined {
  if (typeof secret === "function") return undefined;
  const keys: unknown[] = Array.isArray(secret) ? secret : [secret];
  if (!keys.every((key) => typeof key === "string" || (key === undefined && Array.isArray(secret))))
    return "it must be a text, a list of one or two, or a function of env that gives them.";
  try {
    checkKeys(keys as (string | undefined)[]);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function webhookOf(
  registry: Registry,
  http: DomainDefinition,
  { url, events, secret, domains }: WebhookOptions,
  where: string,
  problems: string[],
): Webhook | undefined {
  try {
    const made = prepare(registry, http, TYPE, { url, body: null }, { key: null });
    if (made instanceof Promise) throw fail("internal", "The payload of a delivery was not checked at once.");
    const { payload: _payload, ...item } = made;
    const tags = { ...item.tags, [MARK]: "1" };
    return { url, events: new Set(events), domains: domains && new Set(domains), secret, item: { ...item, tags } };
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    problems.push(`${where}: ${error.message}`);
    return undefined;
  }
}

interface Signing {
  task: { id: string; tags: Record<string, string> };
  attempt: number;
  signal: AbortSignal;
  env: unknown;
  state: object;
}

/** The type, whose marked deliveries are signed with the secret of the webhook that goes to their address. */
function signing(type: TypeDefinition, webhooks: readonly Webhook[]): TypeDefinition {
  const execute = type.execute as unknown as (delivery: { url: string }, ctx: unknown) => unknown;
  const signed = (delivery: { url: string }, ctx: Signing): unknown => {
    if (ctx.task.tags[MARK] === undefined) return execute(delivery, ctx);
    const webhook = webhooks.find(({ url }) => url === delivery.url);
    if (!webhook) throw new NonRetryableError("This mill has no webhook to that address any more.", { code: "webhook_gone" });
    const { task, attempt, signal, env, state } = ctx;
    const secret = typeof webhook.secret === "function" ? webhook.secret(env as never) : webhook.secret;
    const keys = typeof secret === "string" || secret === undefined ? [secret] : secret;
    return execute(delivery, { task, attempt, signal, state: { ...state, keys } });
  };
  return { ...type, execute: signed as never };
}
