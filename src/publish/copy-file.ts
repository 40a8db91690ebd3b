// Copies a file of any size into the repository while measuring it: read once, in flat memory, with its piece list.
// Design: "Releases" of docs/publishing.md. The copy has a temporary name until the caller has judged its digests.
// Must not: judge them.
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Digests } from "../api.ts";
import { replaceFile, sweepLeftovers, temporaryBeside, writeFileAtomic } from "../disk/atomic-file.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import type { DigestOpts } from "../hash/digest-file.ts";
import { createDualDigest, type DualDigest } from "../hash/dual-digest.ts";
import { makeFolder } from "./repository.ts";

/** One piece of the design. */
const BUFFER_BYTES = 1 << 20;

/** The piece list of an artifact stands beside it. @param artifact its path */
export function pieceListPath(artifact: string): string {
  return `${artifact}.pieces`;
}

/**
 * Copies `from` to the place that `decide` names once the bytes are measured; the copy is atomic and durable. Its piece
 * list, if it has more than one piece, is there before it.
 * @param beside any file of the folder that the copy will be in
 * @param decide the final file; throws to refuse the bytes, which leaves nothing behind
 * @throws UpdateError E_IO, E_DISK_FULL, E_INTERRUPTED; what `decide` throws
 */
export async function copyMeasured(
  from: string,
  beside: string,
  decide: (measured: Digests) => string,
  o: DigestOpts,
): Promise<Digests> {
  await makeFolder(dirname(beside));
  await sweepLeftovers(dirname(beside));
  const temporary = temporaryBeside(beside);
  try {
    const source = await open(from, "r");
    let digest: DualDigest;
    try {
      const target = await open(temporary, "wx", 0o644);
      try {
        digest = await pump(source, target, o);
        await target.sync();
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
    const measured = digest.digest();
    const to = decide(measured);
    const pieces = digest.pieces();
    if (pieces.length > 0) await writeFileAtomic(pieceListPath(to), pieces, { mode: 0o644 });
    await replaceFile(temporary, to);
    return measured;
  } catch (e) {
    await rm(temporary, { force: true }).catch(() => {}); // what failed says more than this would
    throw asUpdateError(e, "E_IO");
  }
}

/** The next buffer is read while the current one is hashed and written. */
async function pump(source: FileHandle, target: FileHandle, o: DigestOpts): Promise<DualDigest> {
  const { size } = await source.stat();
  const digest = await createDualDigest();
  let current = new Uint8Array(BUFFER_BYTES);
  let next = new Uint8Array(BUFFER_BYTES);
  let filled = (await source.read(current, 0, BUFFER_BYTES, null)).bytesRead;
  while (filled > 0) {
    o.signal.throwIfAborted();
    const bytes = current.subarray(0, filled);
    const pending = source.read(next, 0, BUFFER_BYTES, null);
    const written = writeAll(target, bytes, digest.length);
    digest.update(bytes);
    o.onProgress?.(digest.length);
    [filled] = await Promise.all([pending.then((r) => r.bytesRead), written]);
    [current, next] = [next, current];
  }
  if (digest.length !== size) {
    throw new UpdateError("E_IO", "the file changed its length while it was read", {
      hint: "wait until nobody writes to it, then try again",
    });
  }
  return digest;
}

async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await target.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
