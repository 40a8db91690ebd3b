// Which command is where. Commands that share their code are a group; a group is loaded when one of it is asked for.
// Design: docs/cli.md; "One bundled file" of docs/architecture.md, in which each group is a part of its own.
// Must not: import a command; `verify` must not pay for the others.
import type { Command } from "./command.ts";

type Group = () => Promise<{ readonly commands: readonly Command[] }>;

// Alone: the sooner it is there, the sooner its workers start.
const verify: Group = async () => ({ commands: [(await import("./verify.ts")).verifyCommand] });
const proof: Group = () => import("./proof-commands.ts");
const network: Group = () => import("./network-commands.ts");
const node: Group = () => import("./node-commands.ts");
const maintainer: Group = () => import("./maintainer-commands.ts");

/** By the first word of a command, in the order of the help. */
const GROUPS: ReadonlyMap<string, Group> = new Map([
  ["init", network],
  ["check", network],
  ["list-versions", network],
  ["download", network],
  ["verify", verify],
  ["install", node],
  ["status", node],
  ["activate", node],
  ["rollback", node],
  ["run", node],
  ["gc", node],
  ["daemon", node],
  ["add-mirror", network],
  ["remove-mirror", network],
  ["list-mirrors", network],
  ["test-mirrors", network],
  ["configure-mirrors", network],
  ["configure-chain", node],
  ["configure-gossip", network],
  ["configure-auto-update", network],
  ["show-config", network],
  ["alerts", proof],
  ["release", maintainer],
  ["governance", maintainer],
  ["devnet", node],
  ["devnet-chain", node],
  ["devnet-mirror", node],
  ["completion", proof],
  ["version", proof],
]);

const firstWord = ({ name }: Command) => name.split(" ")[0];

/** Commands of that first word; none when there is no such command. */
export async function commandsNamed(word: string | undefined): Promise<readonly Command[]> {
  const group = GROUPS.get(word ?? "");
  return group === undefined ? [] : (await group()).commands.filter((c) => firstWord(c) === word);
}

/** In the order of the help. */
export async function allCommands(): Promise<readonly Command[]> {
  return (await Promise.all([...GROUPS.keys()].map(commandsNamed))).flat();
}
