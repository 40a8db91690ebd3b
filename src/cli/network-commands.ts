// Commands of the operator that find, fetch and configure. Must not: hold anything else.
import { checkCommand, listVersionsCommand } from "./check.ts";
import type { Command } from "./command.ts";
import { downloadCommand } from "./download.ts";
import { initCommand } from "./init.ts";
import { addMirrorCommand, listMirrorsCommand, removeMirrorCommand } from "./mirrors.ts";
import {
  configureAutoUpdateCommand,
  configureGossipCommand,
  configureMirrorsCommand,
  showConfigCommand,
} from "./settings.ts";
import { testMirrorsCommand } from "./test-mirrors.ts";

export const commands: readonly Command[] = [
  initCommand,
  checkCommand,
  listVersionsCommand,
  downloadCommand,
  addMirrorCommand,
  removeMirrorCommand,
  listMirrorsCommand,
  testMirrorsCommand,
  configureMirrorsCommand,
  configureGossipCommand,
  configureAutoUpdateCommand,
  showConfigCommand,
];
