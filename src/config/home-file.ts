// The small files of a home: read where they are there, damaged state where they do not read, written as people like to
// read them. Design: "State on disk" of docs/architecture.md; docs/formats.md says what each holds.
// Must not: know any of them.
import { readFileBounded } from "../disk/atomic-file.ts";
import { systemCode, UpdateError } from "../errors.ts";

/** Reads a file of ours; undefined when there is none. */
export async function readFileIfThere(file: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await readFileBounded(file, maxBytes);
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}

const MEND = "mend or restore the file: docs/formats.md says what it must hold";

/** The same of a file without which nothing goes on: one that is too large was not written by us, and is damage. */
export async function readStateIfThere(file: string, maxBytes: number, hint = MEND): Promise<Uint8Array | undefined> {
  try {
    return await readFileIfThere(file, maxBytes);
  } catch (cause) {
    if (!(cause instanceof UpdateError) || cause.code !== "E_TOO_LARGE") throw cause;
    throw new UpdateError("E_STATE_CORRUPT", cause.message, { cause, hint });
  }
}

/** A file of ours that does not read is damaged state, not a lie of somebody else. @param hint what to do about it */
export function corruptIfMalformed<T>(read: () => T, hint = MEND): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof UpdateError) || cause.code !== "E_MALFORMED") throw cause;
    throw new UpdateError("E_STATE_CORRUPT", cause.message, { cause, hint });
  }
}

/** A document as the bytes of its file. @param document JSON-serialisable */
export function jsonBytes(document: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`);
}
