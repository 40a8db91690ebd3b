// What an archive holds, entry by entry, out of tar (gzip, zstd) and zip. Design: "Archives" of docs/activation.md.
// The archive is proven, and still nothing of it is believed: libraries read the formats, whoever writes judges each name.
// Must not: write anything, or hold more than one entry's chunk.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import type { Opts, PackageFormat } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import { type Archives, loadArchives } from "../../heavy/load-archives.ts";
import { createFrameGuard } from "./zstd-frames.ts";

export interface ArchiveEntry {
  /** As it stands in the archive: from anywhere, to anywhere. */
  readonly rawPath: string;
  readonly kind: "file" | "folder" | "symlink" | "hardlink" | "other";
  readonly isExecutable: boolean;
  /** Bytes of a file, as the archive says. */
  readonly size: number;
  /** Of a link. */
  readonly target: string;
  /** Of a file; to be read before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

export const ARCHIVE_FORMATS = ["tar.gz", "tar.zst", "zip"] as const satisfies readonly PackageFormat[];

/** The bits of a mode by which anybody may execute. */
const EXECUTE = 0o111;
/** What `zstd` itself takes without being told otherwise: the memory that reading needs. */
const MAX_ZSTD_WINDOW_BYTES = 128 * 2 ** 20;
/** A block of four bytes may stand for 128 KiB: so much comes to 32 MiB at most. */
const ZSTD_SLICE_BYTES = 1024;
/** Of a link that stands as a file in a zip. */
const MAX_TARGET_BYTES = 4096;

export interface ReadOptions extends Opts {
  /** What a tar may have in all, before its names and sizes are looked at. */
  readonly maxTarBytes: number;
}

/** @throws UpdateError E_MALFORMED, E_TOO_LARGE, E_IO, and what the system throws */
export async function* readArchive(file: string, format: PackageFormat, o: ReadOptions): AsyncGenerator<ArchiveEntry> {
  const archives = await loadArchives();
  if (format === "zip") return yield* readZip(archives, file, o);
  const packed = createReadStream(file, { signal: o.signal });
  const bytes = format === "tar.zst" ? unzstd(archives, packed) : packed.pipe(createGunzip());
  packed.once("error", (e) => "destroy" in bytes && bytes.destroy(e)); // a pipe does not pass errors on
  try {
    yield* readTar(archives, bounded(bytes, o.maxTarBytes));
  } finally {
    packed.destroy();
  }
}

async function* bounded(bytes: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > max) throw new UpdateError("E_TOO_LARGE", `the archive unpacks to more than ${max} bytes`);
    yield chunk;
  }
}

const TAR_KINDS: Readonly<Record<string, ArchiveEntry["kind"]>> = {
  file: "file",
  "contiguous-file": "file",
  directory: "folder",
  symlink: "symlink",
  link: "hardlink",
};

async function* readTar({ extract }: Archives, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const tar = extract();
  let failure: unknown;
  const feeding = feed(tar, bytes).catch((e) => {
    failure = e;
    tar.destroy(e);
  });
  // Readers of an entry hear of the end of the stream, and not why.
  const why = (e: unknown) => {
    const cause = failure ?? e;
    return cause instanceof UpdateError || isSystemError(cause) ? cause : malformed("tar", cause);
  };
  try {
    for await (const entry of tar) {
      const { name, type, mode = 0, size = 0, linkname } = entry.header;
      yield {
        rawPath: name,
        kind: TAR_KINDS[type ?? "file"] ?? "other",
        isExecutable: (mode & EXECUTE) !== 0,
        size,
        target: linkname ?? "",
        content: rethrowing(entry as AsyncIterable<Uint8Array>, why), // the library's types know no chunks
      };
      entry.resume(); // what nobody has read
    }
  } catch (e) {
    throw why(e);
  } finally {
    tar.destroy();
    await feeding;
  }
}

async function* rethrowing(bytes: AsyncIterable<Uint8Array>, why: (e: unknown) => unknown): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (e) {
    throw why(e);
  }
}

async function feed(tar: ReturnType<Archives["extract"]>, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of bytes) {
    if (tar.destroying) return;
    if (tar.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        tar.off("drain", go);
        tar.off("close", go);
        resolve();
      };
      tar.on("drain", go);
      tar.on("close", go);
    });
  }
  tar.end(undefined);
}

async function* unzstd({ Decompress }: Archives, packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  const stream = new Decompress((chunk) => void out.push(chunk));
  const guard = createFrameGuard(MAX_ZSTD_WINDOW_BYTES);
  const push = (slice: Uint8Array, isLast: boolean) => {
    guard.pass(slice);
    if (isLast) guard.end();
    try {
      stream.push(slice, isLast);
    } catch (cause) {
      throw malformed("zstd", cause);
    }
  };
  for await (const chunk of packed) {
    for (let at = 0; at < chunk.length; at += ZSTD_SLICE_BYTES) {
      push(chunk.slice(at, at + ZSTD_SLICE_BYTES), false);
      yield* out.splice(0);
    }
  }
  push(new Uint8Array(), true);
  yield* out.splice(0);
}

async function* readZip(archives: Archives, file: string, { signal }: Opts): AsyncGenerator<ArchiveEntry> {
  const zip = await openZip(archives, file);
  try {
    for (;;) {
      signal.throwIfAborted();
      const entry = await nextZipEntry(zip);
      if (entry === undefined) return;
      yield await fromZipEntry(zip, entry);
    }
  } finally {
    zip.close();
  }
}

function openZip({ open }: Archives, file: string) {
  const options = { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true };
  return new Promise<ZipFile>((resolve, reject) => {
    open(file, options, (e, zip) => e === null ? resolve(zip) : reject(isSystemError(e) ? e : malformed("zip", e)));
  });
}

function nextZipEntry(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      zip.removeAllListeners();
      then();
    };
    zip.once("entry", (entry) => settle(() => resolve(entry)));
    zip.once("end", () => settle(() => resolve(undefined)));
    zip.once("error", (e) => settle(() => reject(isSystemError(e) ? e : malformed("zip", e))));
    zip.readEntry();
  });
}

/** File types in a Unix mode. */
const TYPE_MASK = 0o170000, TYPE_FILE = 0o100000, TYPE_FOLDER = 0o040000, TYPE_SYMLINK = 0o120000;
/** The system that made the entry, where it tells modes. */
const MADE_BY_UNIX = 3;
const STORED = 0, DEFLATED = 8;

async function fromZipEntry(zip: ZipFile, e: Entry): Promise<ArchiveEntry> {
  const mode = e.versionMadeBy >> 8 === MADE_BY_UNIX ? e.externalFileAttributes >>> 16 : 0;
  const type = mode & TYPE_MASK;
  const isFolder = e.fileName.endsWith("/") || type === TYPE_FOLDER;
  const isFile = type === TYPE_FILE || type === 0;
  const kind = isFolder ? "folder" : isFile ? "file" : type === TYPE_SYMLINK ? "symlink" : "other";
  if (e.isEncrypted() || ![STORED, DEFLATED].includes(e.compressionMethod)) throw malformed("zip", undefined);
  const size = e.uncompressedSize;
  const content = contentOf(zip, e);
  return {
    rawPath: e.fileName,
    kind,
    isExecutable: (mode & EXECUTE) !== 0,
    size,
    target: kind === "symlink" ? await targetOf(content, size) : "",
    content,
  };
}

async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  const stream = await new Promise<AsyncIterable<Uint8Array>>((resolve, reject) => {
    zip.openReadStream(entry, (e, opened) => e === null ? resolve(opened) : reject(e));
  });
  yield* rethrowing(stream, (e) => isSystemError(e) ? e : malformed("zip", e));
}

async function targetOf(content: AsyncIterable<Uint8Array>, size: number): Promise<string> {
  if (size > MAX_TARGET_BYTES) throw malformed("zip", undefined);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function isSystemError(e: unknown): boolean {
  const { syscall, name } = e as { syscall?: unknown; name?: unknown };
  return typeof syscall === "string" || name === "AbortError";
}

function malformed(format: string, cause: unknown): UpdateError {
  const why = cause instanceof Error ? `: ${cause.message.slice(0, 160)}` : "";
  return new UpdateError("E_MALFORMED", `the archive is no ${format} that can be read${why}`, { cause });
}
