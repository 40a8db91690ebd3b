// The command line: finds the command, runs it, says how it ended. Design: docs/cli.md.
// Must not: exit the process; the entry does, with the number that is returned here.
import { AllSourcesFailedError, asUpdateError, UpdateError } from "../errors.ts";
import { Arguments, type Command } from "./command.ts";
import { allCommands, commandsNamed } from "./commands.ts";
import { createContext, type Host } from "./context.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { hintOf } from "./hints.ts";
import { jsonLine, printable } from "./output.ts";

/** Runs one command line. @returns the exit code of docs/cli.md */
export async function runCli(host: Host): Promise<number> {
  const own = host.argv.slice(0, host.argv.includes("--") ? host.argv.indexOf("--") : undefined);
  const asJson = own.includes("--json");
  const verbose = own.includes("--verbose");
  let keepsLog = false;
  try {
    const exitCode = await runCommand(host, (command) => keepsLog = command.keepsLog === true);
    await host.stdout.flush(); // a result that got lost, such as in a file on a full disk, is no success
    return exitCode;
  } catch (e) {
    const error = host.signal.aborted ? new UpdateError("E_INTERRUPTED", "interrupted") : asUpdateError(e);
    if (asJson) host.stdout.write(`${jsonLine({ error: errorJson(error) })}\n`);
    const lines = errorLines(error, verbose);
    if (asJson && keepsLog) host.stderr.write(lastLogLine(error, lines));
    else for (const line of lines) host.stderr.write(`${printable(line)}\n`);
    return error.exitCode;
  }
}

/** @param onCommand told which one it is, before anything of it is judged */
async function runCommand(host: Host, onCommand: (command: Command) => void): Promise<number> {
  const { words, rest } = withVersionAsCommand(splitArguments(host.argv));
  const named = await commandsNamed(words[0]);
  const command = named.find((c) => c.name === words.slice(0, c.name.split(" ").length).join(" "));
  if (command === undefined) return general(await allCommands(), host, words, rest);
  onCommand(command);
  const args = new Arguments(command, [...words.slice(command.name.split(" ").length), ...rest]);
  if (args.flag("help")) {
    host.stdout.write(`${commandHelp(command).join("\n")}\n`);
    return 0;
  }
  const context = createContext(host, args);
  const result = await command.run(context, args);
  context.out.result(result.lines, result.json);
  return result.exitCode ?? 0;
}

/**
 * Global options may stand before the command: moves them behind it.
 * @returns `words` from the command on, `rest` what stood before it
 */
function splitArguments(argv: readonly string[]): { words: readonly string[]; rest: readonly string[] } {
  let at = 0;
  while (argv[at]?.startsWith("-")) at += argv[at] === "--home" ? 2 : 1;
  return { words: argv.slice(at), rest: argv.slice(0, at) };
}

/** `--version` alone is what people try first. */
function withVersionAsCommand(line: ReturnType<typeof splitArguments>): ReturnType<typeof splitArguments> {
  if (line.words.length > 0 || !line.rest.includes("--version")) return line;
  return { words: ["version"], rest: line.rest.filter((option) => option !== "--version") };
}

/** No command: help, or a usage error that names what was meant. */
function general(
  commands: readonly Command[],
  host: Host,
  given: readonly string[],
  options: readonly string[],
): number {
  const words = given.filter((word) => !word.startsWith("-")); // options of every command change nothing here
  const wantsHelp = [...given, ...options].some((word) => word === "--help" || word === "-h");
  const [first] = words;
  if (first === "help") {
    const name = words.slice(1).filter((word) => word !== "help").join(" ");
    const named = commands.filter((c) => c.name === name || c.name.startsWith(`${name} `));
    if (name !== "" && named.length === 0) throw unknownCommand(name);
    const [command, ...others] = named;
    const text = command === undefined
      ? generalHelp(commands)
      : others.length > 0
      ? groupHelp(named)
      : commandHelp(command);
    host.stdout.write(`${text.join("\n")}\n`);
    return 0;
  }
  const group = commands.filter((c) => c.name.startsWith(`${first} `));
  const asJson = given.includes("--json") || options.includes("--json");
  if (group.length > 0 && (wantsHelp || words.length === 1 && !asJson)) {
    host.stdout.write(`${groupHelp(group).join("\n")}\n`);
    return wantsHelp ? 0 : 2;
  }
  if (first === undefined && wantsHelp) {
    host.stdout.write(`${generalHelp(commands).join("\n")}\n`);
    return 0;
  }
  if (first === undefined || group.length > 0 && words.length === 1) {
    const hint = `see: dchat-update help${first === undefined ? "" : ` ${first}`}`;
    throw new UpdateError("E_USAGE", "a command is missing", { hint });
  }
  throw unknownCommand(words.slice(0, group.length > 0 ? 2 : 1).join(" "));
}

/** Usage and summary of each command of a group. */
function groupHelp(group: readonly Command[]): string[] {
  return group.flatMap((c) => commandHelp(c).slice(0, 3));
}

function unknownCommand(name: string): UpdateError {
  return new UpdateError("E_USAGE", `there is no command ${JSON.stringify(name.slice(0, 80))}`, {
    hint: "see: dchat-update help",
  });
}

function errorLines(e: UpdateError, verbose: boolean): string[] {
  const from = e.source === undefined || e.message.includes(e.source) ? "" : ` (from ${e.source})`;
  const lines = [`error ${e.code}: ${e.message}${from}`, `  ${hintOf(e)}`];
  if (!verbose) return lines;
  if (e.clause !== undefined) lines.push(`  rule: ${e.clause}`);
  for (let cause = e.cause; cause instanceof Error; cause = cause.cause) {
    lines.push(...`  caused by: ${cause.stack ?? cause.message}`.split("\n"));
  }
  if (e.code === "E_INTERNAL" && e.stack !== undefined) lines.push(...e.stack.split("\n"));
  return lines;
}

/** As one line of a log, with all that people see. */
function lastLogLine({ code }: UpdateError, lines: readonly string[]): string {
  return `${jsonLine({ time: new Date().toISOString(), event: "failure", message: lines.join("\n"), code })}\n`;
}

function errorJson(e: UpdateError): Record<string, unknown> {
  const attempts = e instanceof AllSourcesFailedError ? e.attempts : [];
  return {
    code: e.code,
    exitCode: e.exitCode,
    message: e.message,
    hint: hintOf(e),
    source: e.source ?? null,
    clause: e.clause ?? null,
    attempts: attempts.map((x) => ({ source: x.source, code: x.error.code, message: x.error.message })),
  };
}
