// The local cache as a source: `packages/` of the home. Design: "State on disk" of docs/architecture.md.
// Files there were proven once, and are proven again: the disk is as untrusted as any mirror.
// Must not: write.

import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact, Opts, Source, Verified } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";

export interface CacheSourceOptions {
  readonly packagesDir: string;
}

// What one read brings; the downloader works in the same unit.
const CHUNK_BYTES = 1 << 20;

/** Asked before every other source. */
export function createCacheSource({ packagesDir }: CacheSourceOptions): Source {
  return { id: "cache", kind: "cache", priority: -1, read: (a, offset, o) => readFrom(packagesDir, a, offset, o) };
}

async function* readFrom(
  packagesDir: string,
  a: Verified<Artifact>,
  offset: number,
  o: Opts,
): AsyncGenerator<Uint8Array> {
  const handle = await open(join(packagesDir, a.name), "r").catch((e) => {
    throw e.code === "ENOENT" ? absent("the cache does not have it") : asUpdateError(e, "E_IO");
  });
  try {
    const { size } = await handle.stat();
    if (size !== a.length) throw absent(`the cached file has ${size} bytes, the signed size is ${a.length}`);
    for (let position = offset;;) {
      o.signal.throwIfAborted();
      const buffer = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  } finally {
    await handle.close();
  }
}

const absent = (message: string) => new UpdateError("E_ABSENT", message, { source: "cache" });
