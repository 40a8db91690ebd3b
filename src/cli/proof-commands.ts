// Commands beside verify that open no socket and need no network code. Must not: hold anything else.
import { alertsCommand } from "./alerts.ts";
import type { Command } from "./command.ts";
import { allCommands } from "./commands.ts";
import { createCompletionCommand } from "./completion.ts";
import { versionCommand } from "./version.ts";

export const commands: readonly Command[] = [
  alertsCommand,
  createCompletionCommand(allCommands),
  versionCommand,
];
