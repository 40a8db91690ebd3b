// A command of the operator's around a switch: a health check, a backup, a trial. What it says goes to standard error.
// Design: "Running the node" and "Trying it out" of docs/activation.md. Must not: decide what its end means.
import { asUpdateError } from "../errors.ts";
import { runShellCommand, type ShellCommand } from "../shell-command.ts";

/** @returns why it failed; undefined when it ended with 0 in time @throws UpdateError E_INTERRUPTED */
export async function runOperatorCommand(
  o: Pick<ShellCommand, "command" | "env" | "signal" | "timeLimitMs" | "endsWithUs">,
): Promise<string | undefined> {
  const end = await runShellCommand({ ...o, maxOutputBytes: null, terminal: "errors" });
  switch (end.how) {
    case "ended":
      return end.code === 0 ? undefined : `the command ended with ${end.code ?? "a signal"}`;
    case "not-started":
      return `the command cannot be run: ${asUpdateError(end.cause).message}`;
    default:
      return `it had not ended after ${o.timeLimitMs / 1000} s`;
  }
}
