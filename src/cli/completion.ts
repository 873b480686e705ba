import { Argument, type Command } from "commander";
import { connect } from "./connection.ts";
import type { Registry } from "./schedules.ts";
import type { Act } from "./program.ts";
import type { World } from "./world.ts";

/** A shell that waits longer than this for words feels broken. */
const PATIENCE_MS = 1_500;

/** `millrace completion`, and the hidden command that its scripts ask. */
export function completionCommands(program: Command, act: Act): void {
  program
    .command("completion")
    .description("print a script that completes commands, options, and the mill's domains and types")
    .addArgument(new Argument("<shell>").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", INSTALL)
    .action(act(async ({ world }, shell: keyof typeof SCRIPTS) => world.out(SCRIPTS[shell])));
  program
    .command("__complete [words...]", { hidden: true })
    .action(act(async ({ world }, words: string[] = []) => world.out((await complete(program, world, words)).join("\n"))));
}

/** What may stand in place of the last word. */
async function complete(program: Command, world: World, words: readonly string[]): Promise<string[]> {
  const started = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  let command = program;
  const given: string[] = [];
  for (let at = 0; at < before.length; at += 1) {
    const word = before[at]!;
    const below = given.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (below) command = below;
    else if (!word.startsWith("-")) given.push(word);
    else if (optionOf(command, program, word)?.required) at += 1;
  }
  const last = before.at(-1) ?? "";
  const option = last.startsWith("-") ? optionOf(command, program, last) : undefined;
  const found = option?.required
    ? (option.argChoices ?? [])
    : started.startsWith("-")
      ? [...[...command.options, ...program.options].map(({ long }) => long ?? ""), "--help"]
      : await namesFor(command, world, before, given);
  return [...new Set(found)].filter((word) => word !== "" && word.startsWith(started)).sort();
}

const optionOf = (command: Command, program: Command, word: string) =>
  [...command.options, ...program.options].find(({ long, short }) => long === word || short === word);

/** Commands, or the domains and types of the mill where the next argument is one. */
async function namesFor(command: Command, world: World, words: readonly string[], given: readonly string[]): Promise<string[]> {
  if (command.commands.length > 0) return command.commands.map((one) => one.name()).filter((name) => !name.startsWith("_"));
  const argument = command.registeredArguments[given.length];
  if (argument?.argChoices) return argument.argChoices;
  const at = words.indexOf("--url");
  if (argument?.name() === "domain" || command.name() === "watch")
    return (await registry(world, words[at + 1], at)).map(({ name }) => name);
  if (argument?.name() !== "type") return [];
  const domain = (await registry(world, words[at + 1], at)).find(({ name }) => name === given[0]);
  return (domain?.types ?? []).filter(({ submittable }) => submittable).map(({ name }) => name);
}

/** No mill, no token, no patience: no names, and no noise in the middle of somebody's command line. */
async function registry(world: World, url: string | undefined, at: number): Promise<Registry["domains"]> {
  const patience = new AbortController();
  const stop = world.clock.after(PATIENCE_MS, () => patience.abort());
  try {
    const { http } = connect(world, at < 0 ? undefined : url);
    return (await http.ask<Registry>({ method: "GET", path: "/v1/registry", signal: patience.signal, retries: 0 })).domains;
  } catch {
    return [];
  } finally {
    stop();
  }
}

const SCRIPTS = {
  bash: `_millrace() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  mapfile -t COMPREPLY < <(millrace __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _millrace millrace`,
  zsh: `#compdef millrace
_millrace() {
  local -a found
  found=(\${(f)"$(millrace __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
compdef _millrace millrace`,
  fish: `complete -c millrace -f -a '(millrace __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
} as const;

const INSTALL = `
bash:  source <(millrace completion bash)           in ~/.bashrc
zsh:   source <(millrace completion zsh)            in ~/.zshrc, after compinit
fish:  millrace completion fish > ~/.config/fish/completions/millrace.fish
Names come from the mill at MILLRACE_URL, with MILLRACE_TOKEN. Millrace has to be installed (npm i -g), not run by npx.`;
