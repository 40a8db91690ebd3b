// completion: shell scripts made from the table of commands, so that they cannot fall behind it. Design: docs/cli.md.
// Must not: know any command.
import { UpdateError } from "../errors.ts";
import { type Command, GLOBAL_OPTIONS } from "./command.ts";

const GROUPS: Readonly<Record<string, string>> = {
  release: "the maintainer side",
  governance: "proposals and votes",
};

const SHELLS = ["bash", "zsh", "fish"] as const;

/** @param commands the whole table, asked when the command runs: it contains this command too */
export function createCompletionCommand(commands: () => Promise<readonly Command[]>): Command {
  return {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    positionals: "SHELL",
    options: {},
    async run(_c, a) {
      const shell = SHELLS.find((s) => s === a.positional(0));
      if (shell === undefined) throw new UpdateError("E_USAGE", `the shell must be one of ${SHELLS.join(", ")}`);
      const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](await commands());
      return { lines: script.split("\n"), json: { shell, script } };
    },
  };
}

function optionNames(command: Command): string[] {
  return Object.keys({ ...command.options, ...GLOBAL_OPTIONS }).map((name) => `--${name}`);
}

/** A case for each command: its words as they stand on the line, and what may follow. */
function bashCases(commands: readonly Command[]): string {
  return commands.map((c) => `    "${c.name}") words="${optionNames(c).join(" ")}" ;;`).join("\n");
}

function firstWords(commands: readonly Command[]): string[] {
  return [...new Set(commands.map((c) => c.name.split(" ")[0] ?? c.name)), "help"];
}

/** Commands of two words, by the first: `release`, `governance`. */
function groupsOf(commands: readonly Command[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { name } of commands) {
    const [first = "", second] = name.split(" ");
    if (second !== undefined) groups.set(first, [...groups.get(first) ?? [], second]);
  }
  return groups;
}

/** Where no word fits, `-o default` offers files, names with spaces among them. */
function bashScript(commands: readonly Command[]): string {
  const groups = groupsOf(commands);
  const seconds = [...groups].map(([first, words]) => `      ${first}) words="${words.join(" ")}" ;;`).join("\n");
  return `_dchat_update() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" words="" group="" name="\${COMP_WORDS[1]}"
  case "$name" in ${
    [...groups.keys()].join("|")
  }) group=1; [ "$COMP_CWORD" -gt 2 ] && name="$name \${COMP_WORDS[2]}" ;; esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${firstWords(commands).join(" ")}"
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$group" ]; then
    case "$name" in
${seconds}
    esac
  else
    case "$name" in
${bashCases(commands)}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _dchat_update dchat-update`;
}

function zshScript(commands: readonly Command[]): string {
  // A zsh whose owner has set nothing up has no completion to add to.
  return `#compdef dchat-update
(( $+functions[compdef] )) || { autoload -U compinit && compinit -i }
autoload -U +X bashcompinit && bashcompinit
${bashScript(commands)}`;
}

function fishScript(commands: readonly Command[]): string {
  const lines = commands.flatMap((c) => {
    const [first, second] = c.name.split(" ");
    const seen = second === undefined
      ? `__fish_seen_subcommand_from ${first}`
      : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`;
    const parent = second === undefined ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${first}`;
    return [
      `complete -c dchat-update -f -n '${parent}' -a ${second ?? first} -d '${c.summary.replaceAll("'", "")}'`,
      ...Object.entries({ ...c.options, ...GLOBAL_OPTIONS }).map(([name, o]) =>
        `complete -c dchat-update -n '${seen}' -l ${name}${o.type === "string" ? " -r" : ""} -d '${
          o.help.replaceAll("'", "")
        }'`
      ),
    ];
  });
  const groups = [...groupsOf(commands).keys()]
    .map((first) => `complete -c dchat-update -f -n '__fish_use_subcommand' -a ${first} -d '${GROUPS[first] ?? ""}'`);
  return [...groups, ...lines].join("\n");
}
