// Opens a file that somebody may have put in the place of ours. Design: "State on disk" of docs/architecture.md.
// Must not: know what is in the files.
import { type FileHandle, open } from "node:fs/promises";
import { noFile, READ_AT_ONCE } from "./raw-file.ts";

/**
 * As `openForReading`, by calls that do not block: the thread that waited for a pipe would keep the process from ending.
 * @throws UpdateError E_IO; the operating system's errors
 */
export async function openFile(file: string): Promise<FileHandle> {
  const handle = await open(file, READ_AT_ONCE);
  try {
    if ((await handle.stat()).isFile()) return handle;
    throw noFile(file);
  } catch (e) {
    await handle.close();
    throw e;
  }
}
