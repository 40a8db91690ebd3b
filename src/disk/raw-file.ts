// A file by its descriptor: opened without following a link, read and written at given places, by calls that block.
// For threads of their own and for bytes that are in the page cache. Design: "Where the bytes go" of docs/architecture.md.
// Must not: know what is in the files.

import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { UpdateError } from "../errors.ts";

/**
 * Opens a file of ours for reading and writing; creates it when there is none. A link under its name was not made by
 * us: following it would write to somebody else's file. It is removed, and so is one of several names of a file.
 * @throws UpdateError E_IO when something stands there that cannot be removed; the operating system's errors
 */
export function openNoLink(file: string): number {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found !== undefined && !(found.isFile() && found.nlink === 1)) rmSync(file);
  const noFollow = constants.O_NOFOLLOW ?? 0; // Windows does not have it
  return onlyFile(openSync(file, constants.O_RDWR | constants.O_CREAT | noFollow, 0o666), file);
}

/** To open a file for reading without waiting for a pipe of that name. */
export const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0); // nor does it have this one

/**
 * Opens a file for reading. What is no file is refused, and a pipe of that name is not waited for.
 * @throws UpdateError E_IO; the operating system's errors
 */
export function openForReading(file: string): number {
  return onlyFile(openSync(file, READ_AT_ONCE), file);
}

function onlyFile(fd: number, file: string): number {
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw noFile(file);
}

export const noFile = (file: string) => new UpdateError("E_IO", `${JSON.stringify(file)} is not a file`);

/** @returns how many bytes were read: fewer than `into` has when the file ends before */
export function readAt(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const read = readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Writes all of `bytes`. */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}
