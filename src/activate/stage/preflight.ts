// Trying a version out long before its height: the operator's own command, while there is time to hear of what is wrong.
// Design: "Trying it out" of docs/activation.md. Nothing of a release is executed before it is approved.
// Must not: decide whether it is.
import type { Opts } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import { runOperatorCommand } from "../operator-command.ts";
import type { StagedVersion } from "./staged-version.ts";

export interface PreflightOptions extends Opts {
  /** For the shell; it finds DCHAT_PROGRAM and DCHAT_VERSION in its environment. What it says goes to standard error. */
  readonly command: string;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws UpdateError E_SWITCH_FAILED when the command does not end with 0 in time; E_INTERRUPTED */
export async function tryOut({ version, program }: StagedVersion, o: PreflightOptions): Promise<void> {
  const env = { ...o.env, DCHAT_PROGRAM: program, DCHAT_VERSION: version };
  const { command, signal, timeoutMs: timeLimitMs } = o;
  const why = await runOperatorCommand({ command, env, signal, timeLimitMs, endsWithUs: true });
  if (why === undefined) return;
  throw new UpdateError("E_SWITCH_FAILED", `${version} did not pass its preflight: ${why}`, {
    hint: "it is not installed; tell the maintainers while there is time, or mend --preflight-cmd",
  });
}
