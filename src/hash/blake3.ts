// BLAKE3 of a stream of bytes, whatever their chunks, with the piece list on the way.
// Design: "The hashing core" of docs/architecture.md. Usable in a browser page.
// Must not: hold more than one piece of the bytes.
import { bytesToHex } from "@noble/hashes/utils.js";
import { PIECE_BYTES, VALUE_BYTES } from "./blake3-core.ts";
import { type KernelName, loadBlake3Core } from "./load-core.ts";
import { rootOfPieces } from "./piece-tree.ts";

/** A running BLAKE3 hash of 32 bytes. */
export interface Blake3 {
  /** Hashes at once or keeps a copy; the buffer may be used again when this returns. */
  update(bytes: Uint8Array): void;
  /** 64 lowercase hex digits. Ends the hash: nothing can be added afterwards. */
  digest(): string;
  /** Ends the hash. The chaining values of the pieces, 32 bytes each; empty for one piece, which needs no list. */
  pieces(): Uint8Array;
}

/** @throws UpdateError E_INTERNAL when the hashing core does not work on this host */
export async function createBlake3(o: { kernel?: KernelName } = {}): Promise<Blake3> {
  const core = await loadBlake3Core(o.kernel);
  const values = createValueList();
  let filled = 0; // bytes of the current piece, which are in the core
  let result: string | undefined;

  function digest(): string {
    if (result !== undefined) return result;
    const isRoot = values.count === 0;
    const last = core.hashPiece(filled, values.count, isRoot);
    if (isRoot) return result = bytesToHex(last);
    values.push(last);
    return result = bytesToHex(rootOfPieces(core, values.bytes()));
  }

  return {
    update(bytes) {
      if (result !== undefined) throw new Error("the hash has ended");
      for (let rest = bytes; rest.length > 0;) {
        if (filled === PIECE_BYTES) {
          // Not before: only what follows shows that this piece is not the whole file.
          values.push(core.hashPiece(filled, values.count, false));
          filled = 0;
        }
        const part = rest.subarray(0, PIECE_BYTES - filled);
        core.input.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
    },
    digest,
    pieces() {
      digest();
      return values.bytes();
    },
  };
}

/** 32 bytes a piece: 32 KiB for each GiB of the file. */
function createValueList() {
  let bytes = new Uint8Array(MIN_LIST_BYTES);
  let count = 0;
  return {
    get count() {
      return count;
    },
    push(value: Uint8Array): void {
      if (count * VALUE_BYTES === bytes.length) {
        const larger = new Uint8Array(2 * bytes.length);
        larger.set(bytes);
        bytes = larger;
      }
      bytes.set(value, VALUE_BYTES * count++);
    },
    bytes: (): Uint8Array => bytes.subarray(0, VALUE_BYTES * count),
  };
}

/** Enough for 128 MiB, what most artifacts are below. */
const MIN_LIST_BYTES = 128 * VALUE_BYTES;
