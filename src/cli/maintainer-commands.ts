// Commands of those who release and those who approve. Must not: hold anything else.
import type { Command } from "./command.ts";
import { governanceCommands } from "./governance/governance.ts";
import { releaseCommands } from "./release/release.ts";

export const commands: readonly Command[] = [...releaseCommands, ...governanceCommands];
