// The governors' commands. Design: docs/governance.md.
// Must not: hold any of them; this is the list.
import type { Command } from "../command.ts";
import { governanceCancelCommand, governanceProposeCommand } from "./governance-propose.ts";
import { governanceListCommand, governanceShowCommand } from "./governance-show.ts";
import { governanceVoteCommand } from "./governance-vote.ts";

export const governanceCommands: readonly Command[] = [
  governanceProposeCommand,
  governanceVoteCommand,
  governanceListCommand,
  governanceShowCommand,
  governanceCancelCommand,
];
