import { WorkerEntrypoint } from "cloudflare:workers";
import { fail, type MillraceError } from "../policy/errors.ts";
import { isDomainName } from "../policy/names.ts";
import { type Role, ROLES } from "../policy/roles.ts";
import { admit, type AuthEnv, type Identity } from "./auth.ts";

/** What a service binding says of who asks: `props` under `[[services]]`. All of it may be left out. */
export interface ServiceProps {
  /** Default `producer`. */
  role?: Role;
  /** The domains it is limited to; default all. */
  domains?: readonly string[];
  /** Who asks, as the audit log shows it after `service:`; default `binding`. */
  name?: string;
}

const MEMBERS = ["role", "domains", "name"];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * Who asks over a service binding. The name begins with `service:`, which no token's does, so that neither idempotency
 * keys nor the audit log mix the two up.
 *
 * @throws `unauthenticated` naming everything that is wrong: a misspelt `domains` would otherwise open every domain
 */
function readProps(props: unknown): Identity {
  if (props === undefined || props === null) return { name: "service:binding", role: "producer", domains: null };
  if (typeof props !== "object" || Array.isArray(props)) throw broken(["they must be an object"]);
  const { role = "producer", domains, name = "binding" } = props as Record<string, unknown>;
  const problems = Object.keys(props)
    .filter((member) => !MEMBERS.includes(member))
    .map((member) => `there is no ${JSON.stringify(member.slice(0, 40))}, only ${MEMBERS.join(", ")}`);
  if (!ROLES.includes(role as Role)) problems.push(`role must be one of ${ROLES.join(", ")}`);
  if (typeof name !== "string" || !NAME.test(name)) problems.push("name must be 1 to 64 letters, digits, dots, hyphens, underscores or @");
  if (domains !== undefined && !(Array.isArray(domains) && domains.length > 0 && domains.every(isDomainName)))
    problems.push("domains must be a list of domain names, or left out for all");
  if (problems.length > 0) throw broken(problems);
  return { name: `service:${String(name)}`, role: role as Role, domains: domains === undefined ? null : new Set(domains as string[]) };
}

function broken(problems: readonly string[]): MillraceError {
  return fail("unauthenticated", `The props of this service binding cannot be read, so it is not let in: ${problems.join("; ")}.`);
}

/** The gateway, as far as it is needed here. */
interface Gateway {
  fetch(request: Request, env: AuthEnv, ctx: ExecutionContext): Response | Promise<Response>;
}

/**
 * The mill for other Workers of the account: the HTTP API, where the binding's `props` stand in for a token. No
 * address leads to it but a service binding's, so nobody can ask who was not given one.
 */
export class ServiceEntrypoint extends WorkerEntrypoint<AuthEnv> {
  readonly #gateway: Gateway;

  constructor(ctx: ExecutionContext, env: AuthEnv, gateway: Gateway) {
    super(ctx, env);
    this.#gateway = gateway;
  }

  override fetch(request: Request): Response | Promise<Response> {
    const { props } = this.ctx as ExecutionContext & { props?: unknown };
    admit(request, () => readProps(props));
    return this.#gateway.fetch(request, this.env, this.ctx);
  }
}
