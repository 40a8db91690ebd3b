// Opens a file that somebody may have put in the place of ours. Design: "State on disk" of docs/architecture.md.
// Must not: know what is in the files.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { UpdateError } from "../errors.ts";

/**
 * Opens a file for reading. What is no file is refused, and a pipe of that name is not waited for: the thread that waits
 * would keep the process from ending.
 * @throws UpdateError E_IO; the operating system's errors
 */
export async function openFile(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // Windows does not have it
  try {
    if ((await handle.stat()).isFile()) return handle;
    throw new UpdateError("E_IO", `${JSON.stringify(file)} is not a file`);
  } catch (e) {
    await handle.close();
    throw e;
  }
}
