// Writes past the page cache ("direct I/O") where host and file system do that: no copy, none of the system's memory, and
// little left to do when all must be durable. Design: "Where the bytes go" of docs/architecture.md.
// Must not: be the only way to write. Linux alone has it, and not every file system does it.

import { closeSync, constants, fstatSync, openSync, write as startWrite } from "node:fs";
import { systemCode } from "../errors.ts";

export interface DirectFile {
  /**
   * A thread of the host's waits for the disk; on Deno, whose node:fs has none, the one that asks.
   * @param bytes whole pages of memory, 4,096 bytes each, such as WebAssembly's memory has; nobody may change them
   * @param position at a multiple of 4,096
   * @returns false when they must be written some other way; some of them may have been
   * @throws the operating system's errors
   */
  write(bytes: Uint8Array, position: number): Promise<boolean>;
  /** No write may be under way. */
  close(): void;
}

// What file systems say that do not do it at all, or not with these bytes.
const REFUSALS = ["EINVAL", "ENOTSUP", "EOPNOTSUPP"];

/**
 * @param inode of the file that is meant
 * @returns undefined where it cannot be written so
 */
export function openDirectFile(file: string, inode: number): DirectFile | undefined {
  const flag = constants.O_DIRECT as number | undefined; // not on every host
  if (flag === undefined) return undefined;
  let fd: number;
  try {
    fd = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW | flag);
  } catch {
    return undefined;
  }
  if (fstatSync(fd).ino !== inode) {
    closeSync(fd);
    return undefined;
  }
  let isRefused = false;
  return {
    async write(bytes, position) {
      if (isRefused) return false;
      try {
        return await write(fd, bytes, position) === bytes.length;
      } catch (e) {
        isRefused = REFUSALS.includes(systemCode(e) ?? "");
        if (isRefused) return false;
        throw e;
      }
    },
    close: () => closeSync(fd),
  };
}

function write(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    startWrite(fd, bytes, 0, bytes.length, position, (e, written) => e === null ? resolve(written) : reject(e))
  );
}
