// alerts.log: who supplied what was refused, one line each, until a person has acknowledged it.
// Design: docs/formats.md, alerts.log. Must not: lose an alert to a crash, or grow without bound.
import { type FileHandle, open, rename, stat } from "node:fs/promises";
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
    await appendLine(home.alertsFile, JSON.stringify(alert));
    if (size === 0) await fsyncFolder(home.dir);
  } catch (cause) {
    throw asUpdateError(cause, "E_IO");
  }
}

/** One write of one line, so that lines of two processes never mix. */
async function appendLine(file: string, line: string): Promise<void> {
  const handle = await open(file, "a+");
  try {
    const torn = await endsInTheMiddle(handle) ? "\n" : "";
    await handle.appendFile(`${torn}${line}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A crash or a full disk has left half a line: the reader skips it, but must not skip what comes behind it. */
async function endsInTheMiddle(handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat();
  if (size === 0) return false;
  const { buffer } = await handle.read(new Uint8Array(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

/** Alerts nobody has acknowledged yet, oldest first. */
export function openAlerts(home: Home): Promise<Alert[]> {
  return readAlerts(home.alertsFile);
}

async function readAlerts(file: string): Promise<Alert[]> {
  const bytes = await readFileIfThere(file, 4 * MAX_LOG_BYTES);
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

/**
 * Sets all open alerts aside. What is raised meanwhile is either among those that are returned or still open.
 * @returns those that were open
 */
export async function acknowledgeAlerts(home: Home): Promise<Alert[]> {
  if ((await openAlerts(home)).length === 0) return []; // a home without alerts may not even be there
  try {
    await rename(home.alertsFile, home.acknowledgedAlertsFile);
    await fsyncFolder(home.dir);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
  return await readAlerts(home.acknowledgedAlertsFile);
}
