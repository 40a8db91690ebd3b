// Help texts, made from the table of commands. Design: docs/cli.md. Must not: know any command.
import { VERSION } from "../baked.ts";
import { type Command, GLOBAL_OPTIONS, type OptionSpec } from "./command.ts";

export function generalHelp(commands: readonly Command[]): string[] {
  const width = Math.max(...commands.map((c) => c.name.length));
  return [
    `dchat-update ${VERSION}: upgraded code for every node, from anyone, trusting no one.`,
    "",
    "usage: dchat-update COMMAND [options]",
    "",
    ...commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`),
    "",
    "Every command explains its options with --help and takes:",
    ...optionLines(GLOBAL_OPTIONS),
    "",
    "Exit codes: 0 done, 1 a bug, 2 usage, 10-19 chain, 20-29 network and sources, 30-39 integrity and trust,",
    "40-49 disk, lock and activation, 100 an update is available (check --exit-code), 130 interrupted.",
  ];
}

export function commandHelp(c: Command): string[] {
  return [
    `usage: dchat-update ${c.name}${c.positionals === undefined ? "" : ` ${c.positionals}`} [options]`,
    "",
    `  ${c.summary}`,
    ...(c.details === undefined ? [] : ["", c.details]),
    "",
    ...optionLines(c.options),
    ...(Object.keys(c.options).length === 0 ? [] : [""]),
    ...optionLines(GLOBAL_OPTIONS),
  ];
}

function optionLines(options: Readonly<Record<string, OptionSpec>>): string[] {
  const rows = Object.entries(options).map(([name, o]): [string, string] => {
    const value = o.type === "string" ? ` ${o.value ?? "VALUE"}` : o.type === "truth" ? " [true|false]" : "";
    return [`  --${name}${value}`, o.help + (o.multiple ? " (repeatable)" : "")];
  });
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
}
