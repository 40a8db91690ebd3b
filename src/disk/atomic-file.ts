// Files that are there whole or not at all. Design: "State on disk" of docs/architecture.md: temp file, fsync, rename,
// fsync of the folder; a process killed at any point, or a full disk, leaves the old file or the new one.
// Must not: know what is in the files.

import { randomBytes } from "node:crypto";
import { closeSync, statSync } from "node:fs";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { openForReading, readAt } from "./raw-file.ts";

/** Ending of every file that means nothing once its process is gone. */
export const LEFTOVER_SUFFIX = ".dchat-tmp";

// A write takes seconds at most; an hour leaves room for a suspended machine without hoarding.
const LEFTOVER_AGE_MS = 3_600_000;

export interface WriteOptions {
  /** Permission bits of the new file, before the umask; 0o666 by default. */
  readonly mode?: number;
}

/**
 * Replaces `file` by one that holds exactly `bytes`, durably: when this returns, a power cut keeps them.
 * The folder must exist.
 * @throws UpdateError E_DISK_FULL, E_IO; the old file is then untouched and the temporary one removed
 */
export async function writeFileAtomic(file: string, bytes: Uint8Array, o: WriteOptions = {}): Promise<void> {
  const temporary = temporaryBeside(file);
  try {
    const handle = await open(temporary, "wx", o.mode ?? 0o666);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await replaceFile(temporary, file);
  } catch (e) {
    await rm(temporary, { force: true }).catch(() => {}); // what made the write fail says more than this would
    throw asUpdateError(e, "E_IO");
  }
}

/** A fresh name in the folder of `file` that `sweepLeftovers` recognises. */
export function temporaryBeside(file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}${LEFTOVER_SUFFIX}`);
}

/**
 * Moves a finished, synced file over another in one step and makes the new name durable. Same file system only.
 * @throws the operating system's error; EXDEV when the two are on different file systems
 */
export async function replaceFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await fsyncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await fsyncFolder(dirname(from));
}

// Windows cannot open a folder for syncing (EPERM, EISDIR, EACCES) and some file systems refuse the call (EINVAL,
// ENOTSUP). There the rename is still atomic; only how soon it survives a power cut is up to the system.
const CANNOT_SYNC_FOLDER = new Set(["EPERM", "EISDIR", "EACCES", "EINVAL", "ENOTSUP", "EBADF"]);

/** Makes names created, renamed or removed in a folder durable, where the platform can. */
export async function fsyncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch (e) {
    if (!CANNOT_SYNC_FOLDER.has(systemCode(e) ?? "")) throw e;
  } finally {
    await handle?.close();
  }
}

/**
 * Reads a whole file that may come from anywhere.
 * @throws UpdateError E_TOO_LARGE when it holds more than `maxBytes`, raised before more than that is read; E_IO
 */
export async function readFileBounded(file: string, maxBytes: number): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    const small = readSmallFile(file, Math.min(maxBytes, AT_ONCE_BYTES));
    if (small !== undefined) return small;
    handle = await open(file, "r");
    // The size is a hint for the buffer only: special files report 0 and a file may grow.
    const { size } = await handle.stat();
    let buffer = new Uint8Array(Math.min(size, maxBytes) + 1);
    let length = 0;
    while (length <= maxBytes) {
      if (length === buffer.length) {
        const larger = new Uint8Array(Math.min(buffer.length * 2, maxBytes + 1));
        larger.set(buffer);
        buffer = larger;
      }
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  } finally {
    await handle?.close();
  }
  throw new UpdateError("E_TOO_LARGE", `${JSON.stringify(file)} holds more than the ${maxBytes} bytes allowed`, {
    hint: "is it the right file? None of its kind is that large",
  });
}

/** Read in less time than it takes to wake a thread of the host's and to be told of it; metadata has less. */
const AT_ONCE_BYTES = 64 * 1024;

/**
 * By calls that block.
 * @returns undefined for what is larger, and for what is no file on a disk: a pipe may be waited for, with signals heard
 * @throws the operating system's errors
 */
function readSmallFile(file: string, maxBytes: number): Uint8Array | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  // Not opened to find out: whoever writes to a pipe would be told that its reader has gone.
  if (stats !== undefined && !(stats.isFile() && stats.size <= maxBytes)) return undefined;
  const fd = openForReading(file);
  try {
    const buffer = new Uint8Array((stats?.size ?? 0) + 1); // one more, to see whether there is more than it says
    const length = readAt(fd, buffer, 0);
    return length < buffer.length ? buffer.subarray(0, length) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Removes what killed processes left in a folder: files of `LEFTOVER_SUFFIX` older than an hour. Never throws. */
export async function sweepLeftovers(folder: string, nowMs: number = Date.now()): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((n) => n.endsWith(LEFTOVER_SUFFIX))) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile() === true && nowMs - info.mtimeMs > LEFTOVER_AGE_MS) {
      await rm(file, { force: true }).catch(() => {});
    }
  }
}
