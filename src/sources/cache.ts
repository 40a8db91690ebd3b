// The local cache as a source: `packages/` of the home, and what is installed. Design: "State on disk" of
// docs/architecture.md. Files there were proven once, and are proven again: the disk is as untrusted as any mirror.
// Must not: write, keep a file open between two reads.

import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { createAbortScope } from "../abortable.ts";
import type { Artifact, PieceReader, ReadOpts, Source, Verified } from "../api.ts";
import { openFile } from "../disk/open-file.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { pieceListBytes } from "../hash/piece-tree.ts";
import { findInstalled, type Places } from "./at-hand.ts";

// What one read brings; the downloader works in the same unit.
const CHUNK_BYTES = PIECE_BYTES;

const ALL = { has: () => true };

/** Asked before every other source. */
export function createCacheSource(places: Places): Source {
  return {
    id: "cache",
    kind: "cache",
    priority: -2,
    async open(a, { signal }) {
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      const cached = join(places.packagesDir, a.name);
      const file = await requireOfSize(cached, a.length).catch(async (e) => {
        const installed = await findInstalled(a, places);
        if (installed === undefined) throw e;
        return await requireOfSize(installed, a.length);
      });
      return createCacheReader(file, `${cached}.pieces`, a);
    },
  };
}

function createCacheReader(file: string, listFile: string, a: Verified<Artifact>): PieceReader {
  const scope = createAbortScope();

  async function pieceList(signal: AbortSignal): Promise<Uint8Array> {
    const bytes = pieceListBytes(a.length);
    if (bytes === 0) throw absent("an artifact of one piece has no piece list");
    const list = new Uint8Array(bytes);
    let at = 0;
    for await (const chunk of readRange(listFile, bytes, 0, bytes, { signal, reusesChunks: true })) {
      list.set(chunk, at);
      at += chunk.length;
    }
    return list;
  }

  return {
    isSequential: false,
    have: () => ALL,
    async *changed() {}, // never
    async *read(first, count, o) {
      const offset = first * PIECE_BYTES;
      const byteCount = Math.min(count * PIECE_BYTES, a.length - offset);
      const { signal, release } = scope.follow(o.signal);
      try {
        yield* readRange(file, a.length, offset, byteCount, { ...o, signal });
      } finally {
        release();
      }
    },
    pieceList: (o) => scope.during(o.signal, pieceList),
    close() {
      scope.abort(new UpdateError("E_INTERRUPTED", "the cache: nobody reads it any more"));
      return Promise.resolve();
    },
  };
}

/** A part of a file that must have this size. @throws UpdateError E_ABSENT, E_INTERRUPTED */
async function* readRange(
  file: string,
  size: number,
  offset: number,
  byteCount: number,
  { signal, reusesChunks = false }: ReadOpts,
): AsyncGenerator<Uint8Array> {
  const handle = await openOfSize(file, size);
  try {
    let memory: Uint8Array | undefined;
    for (let position = offset; position < offset + byteCount;) {
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      const wanted = Math.min(CHUNK_BYTES, offset + byteCount - position);
      const buffer = reusesChunks && memory !== undefined ? memory : (memory = new Uint8Array(wanted));
      const { bytesRead } = await handle.read(buffer, 0, wanted, position);
      if (bytesRead === 0) throw absent("the cached file became shorter");
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (e) {
    throw unreadable(e);
  } finally {
    await handle.close();
  }
}

/** @returns the file, which can be read */
async function requireOfSize(file: string, size: number): Promise<string> {
  await (await openOfSize(file, size)).close();
  return file;
}

async function openOfSize(file: string, size: number): Promise<FileHandle> {
  const handle = await openFile(file).catch((e) => {
    throw e.code === "ENOENT" ? absent("the cache does not have it") : unreadable(e);
  });
  try {
    const found = (await handle.stat()).size;
    if (found !== size) throw absent(`the cached file has ${found} bytes, it must have ${size}`);
    return handle;
  } catch (e) {
    await handle.close();
    throw unreadable(e);
  }
}

const absent = (message: string, cause?: unknown) => new UpdateError("E_ABSENT", message, { source: "cache", cause });

/** What cannot be read is not there for whoever asks: one source less, while the disk to write on may be another. */
function unreadable(e: unknown): UpdateError {
  const error = asUpdateError(e, "E_IO");
  const isOurs = error === e && error.code !== "E_IO";
  return isOurs ? error : absent(`the cached file cannot be read: ${error.message}`, error);
}
