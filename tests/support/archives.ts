// Archives for tests, honest and hostile: every name, size, mode and link is written as it is told.
// Must not: check anything.
import { Buffer } from "node:buffer";
import { deflateRawSync, gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface Packed {
  readonly name: string;
  /** Default: "file". */
  readonly type?: "file" | "directory" | "symlink" | "link" | "fifo" | "character-device";
  readonly content?: string | Uint8Array;
  /** Default: 0o644. */
  readonly mode?: number;
  readonly target?: string;
}

export async function tarOf(entries: readonly Packed[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, type = "file", content = "", mode = 0o644, target } of entries) {
    const bytes = Buffer.from(content);
    const header = { name, type, mode, size: bytes.length, ...(target === undefined ? {} : { linkname: target }) };
    tar.entry(header, bytes);
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array); // the library's types know no chunks
  return Buffer.concat(chunks);
}

export const gzipped = (bytes: Uint8Array): Buffer => gzipSync(bytes);

/** A zstd frame (RFC 8878) of blocks that are not compressed. @param window its descriptor */
export function zstdOf(bytes: Uint8Array, window = 0x58): Buffer {
  const MAX_BLOCK = 1 << 17;
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MAX_BLOCK) {
    const part = bytes.subarray(at, at + MAX_BLOCK), isLast = at + MAX_BLOCK >= bytes.length;
    blocks.push(blockHead(isLast, 0, part.length), Buffer.from(part));
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]), ...blocks]);
}

/** A frame that says of itself that all of it is one segment of this many bytes, whatever is in it. */
export function zstdSegment(bytes: Uint8Array, size: bigint): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0]), length = Buffer.alloc(8);
  length.writeBigUInt64LE(size);
  return Buffer.concat([head, length, blockHead(true, 0, bytes.length), Buffer.from(bytes)]);
}

/** A frame that decompressors leap over. */
export function zstdSkippable(bytes: Uint8Array, kind = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + kind, 0);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, Buffer.from(bytes)]);
}

/** A frame whose blocks of four bytes stand for 128 KiB of zeros each. */
export function zstdBomb(blocks: number): Buffer {
  const all = Array.from(
    { length: blocks },
    (_, i) => Buffer.concat([blockHead(i === blocks - 1, 1, 1 << 17), Buffer.of(0)]),
  );
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]), ...all]);
}

function blockHead(isLast: boolean, type: number, size: number): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE((isLast ? 1 : 0) | (type << 1) | (size << 3), 0, 3);
  return head;
}

const ZIP_TYPES = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  link: 0o100000,
  fifo: 0o010000,
  "character-device": 0o020000,
};

/** @param o.method of all entries; @param o.flags general purpose bits; @param o.size what the entries say they have */
export function zipOf(
  entries: readonly Packed[],
  o: { readonly method?: number; readonly flags?: number; readonly size?: number } = {},
): Buffer {
  const { method = 8, flags = 0x800 } = o;
  const locals: Buffer[] = [], centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, type = "file", content = "", mode = 0o644, target } of entries) {
    const bytes = Buffer.from(type === "symlink" ? target ?? "" : content);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(o.size ?? bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    locals.push(Buffer.from("PK\x03\x04", "latin1"), common, path, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((ZIP_TYPES[type] | mode) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    centrals.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, rest, path);
    offset += 30 + path.length + packed.length;
  }
  const central = Buffer.concat(centrals), end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = (n >>> 1) ^ (n & 1 ? 0xedb88320 : 0);
  return n;
});

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 255] ?? 0);
  return ~crc >>> 0;
}
