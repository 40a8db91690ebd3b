// alerts.log: who supplied what was refused, one line each, until a person has acknowledged it.
// Design: docs/formats.md, alerts.log. Must not: lose an alert to a crash, or grow without bound.
import { appendFile, rename, stat } from "node:fs/promises";
import { fsyncFolder } from "../disk/atomic-file.ts";
import { asUpdateError, type ErrorCode, type UpdateError } from "../errors.ts";
import { readFileIfThere } from "./home-file.ts";
import type { Home } from "./home.ts";

export interface Alert {
  /** RFC 3339. */
  readonly time: string;
  readonly source: string;
  /** What was refused: a file name. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Some five thousand alerts. A full log is set aside as acknowledged, so a lying mirror cannot fill the disk. */
const MAX_LOG_BYTES = 1 << 20;
/** Enough to say what was wrong; whoever supplied it has a say in its length. */
const MAX_MESSAGE_LENGTH = 400;

/** @throws UpdateError E_IO, E_DISK_FULL */
export async function raiseAlert(
  home: Home,
  nowMs: number,
  source: string,
  what: string,
  e: UpdateError,
): Promise<void> {
  const alert: Alert = {
    time: new Date(nowMs).toISOString(),
    source,
    what,
    code: e.code,
    message: e.message.slice(0, MAX_MESSAGE_LENGTH),
  };
  try {
    const size = (await stat(home.alertsFile).catch(() => undefined))?.size ?? 0;
    if (size > MAX_LOG_BYTES) await rename(home.alertsFile, home.acknowledgedAlertsFile);
    // One write of one line: lines of two processes never mix, and a torn last line is skipped by the reader.
    await appendFile(home.alertsFile, `${JSON.stringify(alert)}\n`, { flush: true });
  } catch (cause) {
    throw asUpdateError(cause, "E_IO");
  }
}

/** Alerts nobody has acknowledged yet, oldest first. */
export async function openAlerts(home: Home): Promise<Alert[]> {
  const bytes = await readFileIfThere(home.alertsFile, 4 * MAX_LOG_BYTES);
  if (bytes === undefined) return [];
  return new TextDecoder().decode(bytes).split("\n").flatMap((line) => {
    try {
      const a = JSON.parse(line) as Partial<Alert>; // checked field by field just below
      const complete = [a.time, a.source, a.what, a.code, a.message].every((v) => typeof v === "string");
      return complete ? [a as Alert] : [];
    } catch {
      return [];
    }
  });
}

/** Sets all open alerts aside; one step, so that none is lost on the way. @returns how many there were */
export async function acknowledgeAlerts(home: Home): Promise<number> {
  const { length } = await openAlerts(home);
  if (length === 0) return 0; // a home without alerts may not even be there
  try {
    await rename(home.alertsFile, home.acknowledgedAlertsFile);
    await fsyncFolder(home.dir);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
  return length;
}
