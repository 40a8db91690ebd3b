// Measures a file: length, SHA-256 and BLAKE3, in flat memory. Design: "Are these bytes it?" of docs/architecture.md.
// Must not: judge what it measured (`src/trust/proof.ts` does), open anything but the one file.

import { type FileHandle, open } from "node:fs/promises";
import type { Digests, Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { createDualDigest, type DualDigest } from "./dual-digest.ts";

export interface DigestOpts extends Opts {
  /** Called after each buffer with the bytes hashed so far. */
  readonly onProgress?: (bytesDone: number) => void;
}

// One piece of the design; larger buffers measured no faster and would leave the processor's cache.
const BUFFER_BYTES = 1 << 20;

/**
 * Hashes a whole file.
 * @throws UpdateError E_IO when it cannot be read or changes its length meanwhile; E_INTERRUPTED on abort
 */
export async function digestFile(file: string, o: DigestOpts): Promise<Digests> {
  const digest = await createDualDigest();
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    const before = await handle.stat();
    await digestRange(handle, digest, before.size, o);
    const after = await handle.stat();
    if (digest.length !== before.size || after.size !== before.size) {
      throw new UpdateError("E_IO", `${JSON.stringify(file)} changed its length while it was read`, {
        hint: "wait until nobody writes to it, then try again",
      });
    }
    return digest.digest();
  } catch (e) {
    throw asUpdateError(e, o.signal.aborted ? "E_INTERRUPTED" : "E_IO"); // an abort may have any reason
  } finally {
    await handle?.close();
  }
}

/**
 * Feeds the first `bytes` bytes of an open file to a digest, or fewer when the file ends before. The next buffer is
 * read while the current one is hashed.
 */
export async function digestRange(handle: FileHandle, digest: DualDigest, bytes: number, o: DigestOpts): Promise<void> {
  let current = new Uint8Array(BUFFER_BYTES);
  let next = new Uint8Array(BUFFER_BYTES);
  let position = 0;
  const read = async (into: Uint8Array): Promise<number> => {
    const want = Math.min(into.length, bytes - position);
    if (want === 0) return 0;
    const { bytesRead } = await handle.read(into, 0, want, position);
    position += bytesRead;
    return bytesRead;
  };
  let filled = await read(current);
  while (filled > 0) {
    o.signal.throwIfAborted();
    const pending = read(next);
    digest.update(current.subarray(0, filled));
    o.onProgress?.(digest.length);
    filled = await pending;
    [current, next] = [next, current];
  }
}
