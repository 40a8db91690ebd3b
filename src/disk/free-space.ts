// Asks whether a file will fit before it is fetched. Design: "a full disk" of docs/architecture.md.
// Must not: promise anything: others write to the same disk, so writing must cope with a full one anyway.

import { statfs } from "node:fs/promises";
import { UpdateError } from "../errors.ts";

/** @throws UpdateError E_DISK_FULL when the file system of `folder` says that it has less room than `bytes` */
export async function requireFreeSpace(folder: string, bytes: number): Promise<void> {
  // Some file systems do not answer, and some in user space answer with zeros: then writing will tell.
  const info = await statfs(folder).catch(() => undefined);
  if (info === undefined || info.blocks === 0) return;
  const freeBytes = info.bavail * info.bsize;
  if (freeBytes >= bytes) return;
  throw new UpdateError("E_DISK_FULL", `${JSON.stringify(folder)} has ${freeBytes} bytes free, ${bytes} are needed`, {
    hint: "free some space, then run the same command again: it resumes",
  });
}
