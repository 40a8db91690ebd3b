// An artifact in flight: bytes are hashed and written as they arrive, and survive the process for the next run.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: judge the bytes, open sockets, hold more than two buffers of them.

import { constants } from "node:fs";
import { type FileHandle, lstat, open, rm } from "node:fs/promises";
import type { Digests, Opts } from "../api.ts";
import { asUpdateError } from "../errors.ts";
import { digestRange } from "../hash/digest-file.ts";
import { createDualDigest, type DualDigest } from "../hash/dual-digest.ts";

/** Who supplied the bytes that were found on disk. */
export const EARLIER_RUN = "an earlier run";

export interface PartialFileOptions extends Opts {
  readonly file: string;
  /** Bytes of the whole artifact; what the file holds beyond is cut off. */
  readonly maxLength: number;
  /** Called while bytes on disk are hashed again. */
  readonly onHashing?: (bytesDone: number) => void;
}

/** Errors of all methods: UpdateError E_DISK_FULL, E_IO. */
export interface PartialFile {
  /** Bytes it holds so far, those in memory included. */
  readonly length: number;
  /** Who supplied them, in order. */
  readonly contributors: readonly string[];
  /** Bytes of an earlier run that are still part of it. */
  readonly resumedBytes: number;
  /** Returns when the bytes were copied, which takes as long as the disk needs for those before them. */
  append(bytes: Uint8Array, source: string): Promise<void>;
  /** Removes the first byte of that source and all that follow. */
  dropFrom(source: string): Promise<void>;
  clear(): Promise<void>;
  /** Makes all of it durable and measures it. Only `clear` and `close` may follow. */
  finish(): Promise<Digests>;
  /** Writes what is still in memory, for the next run, if the disk takes it. Never throws. */
  close(): Promise<void>;
}

// One piece of the design. The next buffer fills from the network while the last one is on its way to the disk.
const BUFFER_BYTES = 1 << 20;

/** Opens or creates a partial file and hashes what it already holds. */
export async function openPartialFile(o: PartialFileOptions): Promise<PartialFile> {
  try {
    const handle = await openNoLink(o.file);
    try {
      const { size } = await handle.stat();
      if (size > o.maxLength) await handle.truncate(o.maxLength);
      return createPartialFile(handle, await hashPrefix(handle, Math.min(size, o.maxLength), o), o);
    } catch (e) {
      await handle.close();
      throw e;
    }
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}

/** A link under this name was not made by us: following it would write to somebody else's file. */
async function openNoLink(file: string): Promise<FileHandle> {
  const info = await lstat(file).catch(() => undefined);
  if (info?.isSymbolicLink() === true) await rm(file, { force: true });
  const noFollow = constants.O_NOFOLLOW ?? 0; // Windows does not have it
  return await open(file, constants.O_RDWR | constants.O_CREAT | noFollow, 0o666);
}

async function hashPrefix(handle: FileHandle, length: number, o: PartialFileOptions): Promise<DualDigest> {
  const digest = await createDualDigest();
  await digestRange(handle, digest, length, {
    signal: o.signal,
    ...(o.onHashing === undefined ? {} : { onProgress: o.onHashing }),
  });
  return digest;
}

function createPartialFile(handle: FileHandle, prefix: DualDigest, o: PartialFileOptions): PartialFile {
  let digest = prefix;
  let current = new Uint8Array(BUFFER_BYTES);
  let other = new Uint8Array(BUFFER_BYTES);
  let filled = 0; // bytes in `current`; those before them are hashed, and written or on their way
  let writing: Promise<void> = Promise.resolve();
  let spans = digest.length > 0 ? [{ source: EARLIER_RUN, from: 0 }] : [];
  const length = () => digest.length + filled;

  async function flush(): Promise<void> {
    const full = current.subarray(0, filled);
    const position = digest.length;
    digest.update(full); // while the buffer before is being written
    filled = 0;
    await writing;
    writing = writeAll(handle, full, position);
    writing.catch(() => {}); // told to whoever waits for it next
    [current, other] = [other, current];
  }

  async function truncate(to: number): Promise<void> {
    filled = 0;
    await writing;
    await handle.truncate(to);
    digest = await hashPrefix(handle, to, o);
    spans = spans.filter((s) => s.from < to);
  }

  return {
    get length() {
      return length();
    },
    get contributors() {
      return [...new Set(spans.map((s) => s.source))];
    },
    get resumedBytes() {
      return spans[0]?.source === EARLIER_RUN ? spans[1]?.from ?? length() : 0;
    },
    append: (bytes, source) =>
      orUpdateError(async () => {
        if (bytes.length > 0 && spans.at(-1)?.source !== source) spans.push({ source, from: length() });
        for (let rest = bytes; rest.length > 0;) {
          const part = rest.subarray(0, current.length - filled);
          current.set(part, filled);
          filled += part.length;
          rest = rest.subarray(part.length);
          if (filled === current.length) await flush();
        }
      }),
    dropFrom: (source) =>
      orUpdateError(async () => {
        const first = spans.find((s) => s.source === source);
        if (first === undefined) return;
        if (first.from > digest.length) await flush(); // what comes before is kept, and is still in memory
        await truncate(first.from);
      }),
    clear: () => orUpdateError(() => truncate(0)),
    finish: () =>
      orUpdateError(async () => {
        await flush();
        await writing;
        await handle.sync();
        return digest.digest();
      }),
    async close() {
      try {
        if (filled > 0) await flush();
        await writing;
      } catch {
        // A full or broken disk; whoever wrote last was told.
      }
      await handle.close().catch(() => {});
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function orUpdateError<T>(f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}
