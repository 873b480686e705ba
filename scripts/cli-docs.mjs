// Part of `npm run docs`: the help of every command, as `npx millrace help …` prints it, into docs/cli.md. `--check` writes nothing.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createProgram } from "../src/cli/program.ts";
import { systemClock } from "../src/clock.ts";
import { root } from "./install.mjs";

const PAGE = "docs/cli.md";
const never = () => Promise.reject(new Error("the help asks nothing"));
const world = {
  env: {},
  clock: systemClock,
  interrupted: new AbortController().signal,
  fetch: never,
  out: () => undefined,
  err: () => undefined,
  screen: undefined,
  readInput: never,
  readFile: never,
};

/** The help of a command with what is said after it. @param {import("commander").Command} command */
function helpOf(command) {
  let text = "";
  command.configureOutput({ writeOut: (more) => void (text += more) });
  command.outputHelp();
  return text.trim();
}

/** @param {import("commander").Command} command @param {string} name @returns {[string, string][]} */
function walk(command, name) {
  const below = command.commands.filter((one) => !one.name().startsWith("_") && one.name() !== "help");
  return [[name, helpOf(command)], ...below.flatMap((one) => walk(one, `${name} ${one.name()}`))];
}

const program = createProgram(world, "0.0.0", () => undefined);
const sections = walk(program, "millrace").map(([name, help]) => `### \`${name}\`\n\n\`\`\`text\n${help}\n\`\`\``);
const path = join(root, PAGE);
const before = readFileSync(path, "utf8");
const after = before.replace(
  /(<!-- generated: help -->\n)[\s\S]*(<!-- end of generated -->)/,
  (_, start, end) => `${start}\n${sections.join("\n\n")}\n\n${end}`,
);
if (!process.argv.includes("--check")) writeFileSync(path, after);
else if (after !== before) {
  console.error(`${PAGE} is stale: npm run docs`);
  process.exit(1);
}
