// Whether a file is still the one that was read. Design: "State on disk" of docs/architecture.md: files are replaced and
// never changed, so that another one stands there after each write. Must not: be a proof of anything.
import { stat } from "node:fs/promises";

/** @throws the operating system's error */
export async function fileMark(file: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(file);
  return `${ino} ${size} ${mtimeMs}`;
}
