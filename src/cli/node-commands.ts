// Commands of a node that runs: what it is on, what it switches to, the network it stays with. Must not: hold anything else.
import { activateCommand, rollbackCommand } from "./activate.ts";
import { configureChainCommand } from "./chain.ts";
import type { Command } from "./command.ts";
import { daemonCommand } from "./daemon/daemon.ts";
import { devnetChainCommand, devnetCommand, devnetMirrorCommand } from "./devnet.ts";
import { gcCommand } from "./gc.ts";
import { installCommand } from "./install.ts";
import { runCommand } from "./run/run.ts";
import { statusCommand } from "./status.ts";

export const commands: readonly Command[] = [
  installCommand,
  statusCommand,
  activateCommand,
  rollbackCommand,
  runCommand,
  gcCommand,
  daemonCommand,
  configureChainCommand,
  devnetCommand,
  devnetChainCommand,
  devnetMirrorCommand,
];
