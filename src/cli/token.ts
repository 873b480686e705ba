import { type Command, Option } from "commander";
import { isDomainName } from "../policy/names.ts";
import { ROLES } from "../policy/roles.ts";
import { readText } from "./input.ts";
import type { Act } from "./program.ts";
import { UsageError } from "./world.ts";

/** 256 bits: nobody guesses it, and a plain hash of it is enough. */
const BYTES = 32;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** `millrace token create` and `millrace token hash`. Neither asks a mill. */
export function tokenCommand(program: Command, act: Act): void {
  const token = program.command("token").description("make tokens, and the hashes that a mill stores of them");
  token
    .command("create")
    .description("make a token: printed once, here, with the entry for the secret MILLRACE_TOKENS")
    .addOption(
      new Option("-r, --role <role>", "what it may do; each role includes the ones before it").choices(ROLES).makeOptionMandatory(),
    )
    .option("--name <name>", "who has it, for the audit log; the role unless told")
    .option("--domains <names>", "the domains it is limited to, separated by commas")
    .addHelpText(
      "after",
      `\nThe entry goes into a JSON list, and that into the secret: npx wrangler secret put MILLRACE_TOKENS < tokens.json`,
    )
    .action(
      act<{ role: string; name?: string; domains?: string }>(async ({ world, flags, print }) => {
        const { role, name = role } = flags;
        if (!NAME.test(name)) throw new UsageError("A token's name is 1 to 64 letters, digits, dots, hyphens, underscores or @.");
        const domains = flags.domains?.split(",").map((one) => one.trim());
        const wrong = domains?.find((one) => !isDomainName(one));
        if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong)} cannot be the name of a domain.`);
        const secret = `mr_${world.clock.token(BYTES)}`;
        const entry = { name, sha256: await sha256(secret), role, ...(domains ? { domains } : {}) };
        print({ token: secret, entry }, () => `token  ${secret}\nentry  ${JSON.stringify(entry)}`);
        if (!flags.json) world.err("The token is shown this once. The mill gets the entry alone, in the JSON list of MILLRACE_TOKENS.");
      }),
    );
  token
    .command("hash [token]")
    .description("the SHA-256 that stands for a token; read from standard input unless given")
    .action(
      act(async ({ world, print }, given?: string) => {
        const hash = await sha256((await readText(world, given ?? "-")).trim());
        print({ sha256: hash }, () => hash);
      }),
    );
}

async function sha256(text: string): Promise<string> {
  if (text === "") throw new UsageError("The token is empty.");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
