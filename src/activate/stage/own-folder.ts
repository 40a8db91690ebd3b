// Folders whose contents will be executed: real ones, that nobody else may write to.
// Design: "The switch" of docs/activation.md. What was proven must still be that when it runs, so nobody may be able to
// put something else there in between. Must not: follow a link.
import type { Stats } from "node:fs";
import { lstat, mkdir, stat } from "node:fs/promises";
import { asUpdateError, systemCode, UpdateError } from "../../errors.ts";

/** Write permission of the group and of everybody. */
const OTHERS_MAY_WRITE = 0o022;

/** Makes a folder that only its owner may write to, if it is not there. @throws as `requireOwnFolder` */
export async function makeOwnFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o755 });
  } catch (e) {
    if (systemCode(e) !== "EEXIST") throw asUpdateError(e, "E_IO");
  }
  await requireOwnFolder(folder);
}

/**
 * The home: whoever can write to it can put another folder in the place of one that was proven, at any moment. It may be
 * reached by a link, which its operator has made. @throws UpdateError E_IO
 */
export async function requireOwnHome(dir: string): Promise<void> {
  try {
    requireOwn(dir, await stat(dir), `take that right away: chmod go-w ${JSON.stringify(dir)}`);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}

/** @throws UpdateError E_IO when it is not a folder of our own; E_NOT_STAGED when there is nothing */
export async function requireOwnFolder(folder: string): Promise<void> {
  const info = await lstatOf(folder);
  if (!info.isDirectory()) refuse(folder, "is not a folder");
  requireOwn(folder, info);
}

/** @throws UpdateError E_IO when it is a link, special, shared by hard links or open to others; E_NOT_STAGED */
export async function requireOwnFile(file: string): Promise<void> {
  const info = await lstatOf(file);
  if (!info.isFile()) refuse(file, "is not a file");
  if (info.nlink > 1) refuse(file, "has another name somewhere");
  requireOwn(file, info);
}

async function lstatOf(path: string): Promise<Stats> {
  try {
    return await lstat(path);
  } catch (e) {
    if (systemCode(e) !== "ENOENT") throw asUpdateError(e, "E_IO");
    throw new UpdateError("E_NOT_STAGED", `there is no ${JSON.stringify(path)}`, { cause: e });
  }
}

function requireOwn(path: string, info: Stats, hint?: string): void {
  const uid = process.getuid?.();
  if (uid === undefined) return; // Windows: its permissions do not show in a mode
  if (info.uid !== uid && info.uid !== 0) refuse(path, `belongs to user ${info.uid}`);
  if ((info.mode & OTHERS_MAY_WRITE) !== 0) refuse(path, "can be written by others", hint);
}

const REINSTALL = "find out who made it so; then remove it and install the version again";

function refuse(path: string, why: string, hint = REINSTALL): never {
  throw new UpdateError("E_IO", `${JSON.stringify(path)} ${why}: nothing in it is executed`, { hint });
}
