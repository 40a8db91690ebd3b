// Puts a refused package, mirror or message on record. Design: docs/cli.md, `alerts`.
// Must not: end the command that has something to refuse.
import { raiseAlert } from "../config/alerts.ts";
import type { Home } from "../config/home.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import type { Context } from "./context.ts";

/** Writes an alert; a full disk must not hide the refusal itself, so a failure to write is only noted. */
export async function alert(c: Context, home: Home, source: string, what: string, e: UpdateError): Promise<void> {
  const kind = [source, what, e.code] as const;
  if (c.alertLimit?.isDue(performance.now(), ...kind) === false) return;
  try {
    await raiseAlert(home, c.nowMs, source, what, e);
    c.alertLimit?.raised(performance.now(), ...kind);
  } catch (failure) {
    c.out.warn(`the alert could not be written: ${asUpdateError(failure).message}`);
  }
}
