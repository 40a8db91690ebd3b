// The frames of zstd bytes as they pass by: how much memory each one asks for, before a decompressor makes room for it.
// Design: "Archives" of docs/activation.md; the format is RFC 8878, section 3.1. Each frame names its own window, so that
// one small frame says nothing of those behind it. Must not: decompress, or keep what passes.
import { UpdateError } from "../../errors.ts";

export interface FrameGuard {
  /**
   * To be given all bytes in order, each before the decompressor has it.
   * @throws UpdateError E_TOO_LARGE (a window), E_MALFORMED (no frame where one must begin, a reserved kind of block)
   */
  pass(bytes: Uint8Array): void;
  /** To be called behind the last byte. @throws UpdateError E_MALFORMED in the middle of a frame */
  end(): void;
}

const FRAME_MAGIC = 0xfd2fb528;
/** Sixteen magic numbers begin a frame that decompressors leap over. */
const SKIPPABLE_MAGIC = 0x184d2a5, SKIPPABLE_HEAD_BYTES = 8;
const BLOCK_HEAD_BYTES = 3, CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1, RESERVED_BLOCK = 3;
/** Magic number, descriptor, window, id of a dictionary and size of the content: of all that may stand in it. */
const MAX_HEAD_BYTES = 18;

/** @param maxWindowBytes of any frame */
export function createFrameGuard(maxWindowBytes: number): FrameGuard {
  const head = new Uint8Array(MAX_HEAD_BYTES), view = new DataView(head.buffer);
  let next: "frame" | "block" = "frame";
  let have = 0; // bytes of a head
  let skip = 0; // bytes that say nothing
  let hasChecksum = false;

  /** Of the head that begins with what is there: how many bytes it has, as far as they can tell. */
  const headBytes = (): number => {
    if (next === "block") return BLOCK_HEAD_BYTES;
    if (have < 4) return 4;
    const magic = view.getUint32(0, true);
    if (magic >>> 4 === SKIPPABLE_MAGIC) return SKIPPABLE_HEAD_BYTES;
    if (magic !== FRAME_MAGIC) throw malformed("no frame begins there");
    return have < 5 ? 5 : sizeAt() + sizeBytes();
  };
  const descriptor = () => view.getUint8(4);
  const isSingleSegment = () => (descriptor() & 32) !== 0;
  const sizeAt = () => 5 + (isSingleSegment() ? 0 : 1) + [0, 1, 2, 4][descriptor() & 3]!; // two bits: one of four
  const sizeBytes = () => [isSingleSegment() ? 1 : 0, 2, 4, 8][descriptor() >> 6]!; // two bits: one of four

  const windowBytes = (): number => {
    if (!isSingleSegment()) {
      const window = view.getUint8(5);
      return 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
    }
    // All of the content at once.
    const at = sizeAt();
    switch (sizeBytes()) {
      case 1:
        return view.getUint8(at);
      case 2:
        return view.getUint16(at, true) + 256;
      case 4:
        return view.getUint32(at, true);
      default:
        return Number(view.getBigUint64(at, true));
    }
  };

  const takeFrame = () => {
    if (view.getUint32(0, true) !== FRAME_MAGIC) {
      skip = view.getUint32(4, true);
      return;
    }
    if (windowBytes() > maxWindowBytes) {
      throw new UpdateError("E_TOO_LARGE", `a zstd window of more than ${maxWindowBytes / 2 ** 20} MiB`, {
        hint: "pack it without --long and --single-segment",
      });
    }
    hasChecksum = (descriptor() & 4) !== 0;
    next = "block";
  };
  const takeBlock = () => {
    const word = view.getUint16(0, true) + view.getUint8(2) * 2 ** 16;
    const isLast = (word & 1) !== 0, kind = (word >> 1) & 3;
    if (kind === RESERVED_BLOCK) throw malformed("a block of a reserved kind");
    skip = kind === RLE_BLOCK ? 1 : word >> 3;
    if (!isLast) return;
    if (hasChecksum) skip += CHECKSUM_BYTES;
    next = "frame";
  };

  return {
    pass(bytes) {
      for (let at = 0; at < bytes.length;) {
        const leapt = Math.min(skip, bytes.length - at);
        skip -= leapt;
        at += leapt;
        while (at < bytes.length && have < headBytes()) head[have++] = bytes[at++]!; // the loop's own bound
        if (have < headBytes()) continue;
        have = 0;
        if (next === "frame") takeFrame();
        else takeBlock();
      }
    },
    end() {
      if (next === "block" || have > 0 || skip > 0) throw malformed("it ends in the middle of a frame");
    },
  };
}

function malformed(why: string): UpdateError {
  return new UpdateError("E_MALFORMED", `the archive is no zstd that can be read: ${why}`);
}
