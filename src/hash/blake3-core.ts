// One instance of the BLAKE3 core of wasm/blake3.ts: pieces in, chaining values out.
// Design: "The hashing core" of docs/architecture.md. Usable in a browser page and inside a worker.
// Must not: import what a worker does not need, or give out a core that was not tested.
import { bytesToHex } from "@noble/hashes/utils.js";
import { UpdateError } from "../errors.ts";

/** One piece of the design: 1,024 chunks of BLAKE3, one subtree. */
export const PIECE_BYTES = 1 << 20;
const CHUNK_BYTES = 1024;
/** A chaining value of BLAKE3, and also its digest. */
export const VALUE_BYTES = 32;
/** A part of a piece: 512 chunks, one subtree too. What threads that share a file hand to each other. */
export const PART_BYTES = 1 << 19;
export const PIECE_PARTS = PIECE_BYTES / PART_BYTES;
/** Parts that a core has room for, one behind the other; measured in docs/decisions/0010. */
export const PART_PLACES = 4;
/** Values that `mergeValues` takes at once: a complete subtree of pieces. */
export const MERGE_VALUES = 1024;

/** Not thread-safe and not shared: whoever has one owns its memory. */
export interface Blake3Core {
  /** `PIECE_BYTES` of the core's own memory: where a piece is read or copied to. */
  readonly input: Uint8Array;
  /** Room for `PART_PLACES` parts; it begins where `input` does. */
  readonly places: Uint8Array;
  /**
   * @param length bytes of `input` that are the piece: all of it, or fewer for the last one; 0 for an empty file
   * @param index its place in the file, up to 2³² − 1
   * @param isRoot the piece is the whole file; the value is its digest
   * @returns 32 bytes inside the core, until the next call
   */
  hashPiece(length: number, index: number, isRoot: boolean): Uint8Array;
  /**
   * A part that is not the whole file. The values of its parts, merged, are the value of a piece.
   * @param place which of the `places` it is in
   * @param length its bytes: `PART_BYTES`, or fewer for the last one, not 0
   * @param index its place in the file, counted in parts
   * @returns 32 bytes inside the core, until the next call
   */
  hashPart(place: number, length: number, index: number): Uint8Array;
  /**
   * @param values 1 to `MERGE_VALUES` values that are neighbours, 32 bytes each
   * @param isRoot they are the whole file; the result is its digest
   * @returns 32 bytes inside the core, until the next call
   */
  mergeValues(values: Uint8Array, isRoot: boolean): Uint8Array;
}

interface Blake3Exports {
  memory: WebAssembly.Memory;
  INPUT: WebAssembly.Global;
  VALUES: WebAssembly.Global;
  hashSubtree(input: number, length: number, firstChunk: number, isRoot: boolean): void;
  mergeValues(count: number, isRoot: boolean): void;
}

/** @throws UpdateError E_INTERNAL when the host cannot run it */
export async function compileBlake3(wasm: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return await orInternal(() => atOnce(() => new WebAssembly.Module(wasm), () => WebAssembly.compile(wasm)));
}

/**
 * Starts a core and tests it.
 * @param module wasm/blake3.ts, compiled
 * @throws UpdateError E_INTERNAL when the host cannot run it or it gives a wrong digest
 */
export async function instantiateBlake3(module: WebAssembly.Module): Promise<Blake3Core> {
  return await orInternal(async () => {
    const instance = await atOnce(() => new WebAssembly.Instance(module), () => WebAssembly.instantiate(module));
    // What wasm/blake3.ts exports; a module that exports anything else fails here or in the test.
    const core = coreOf(instance.exports as unknown as Blake3Exports);
    selfTest(core);
    return core;
  });
}

/**
 * It takes half a millisecond: to wait for a background thread takes longer on a busy machine.
 * @param later for old browsers, whose pages may do it at once for tiny modules only
 */
async function atOnce<T>(now: () => T, later: () => Promise<T>): Promise<T> {
  try {
    return now();
  } catch (e) {
    if (e instanceof RangeError) return await later();
    throw e;
  }
}

async function orInternal<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (e) {
    if (e instanceof UpdateError) throw e;
    throw new UpdateError("E_INTERNAL", `the hashing core does not start: ${e instanceof Error ? e.message : e}`, {
      cause: e,
      hint: "it needs WebAssembly with 128-bit SIMD, which every supported runtime has",
    });
  }
}

function coreOf(wasm: Blake3Exports): Blake3Core {
  const memory = wasm.memory.buffer;
  const values = new Uint8Array(memory, wasm.VALUES.value, MERGE_VALUES * VALUE_BYTES);
  const first = values.subarray(0, VALUE_BYTES);
  const input = wasm.INPUT.value;
  return {
    input: new Uint8Array(memory, input, PIECE_BYTES),
    places: new Uint8Array(memory, input, PART_PLACES * PART_BYTES),
    hashPiece(length, index, isRoot) {
      wasm.hashSubtree(input, length, index * (PIECE_BYTES / CHUNK_BYTES), isRoot);
      return first;
    },
    hashPart(place, length, index) {
      wasm.hashSubtree(input + place * PART_BYTES, length, index * (PART_BYTES / CHUNK_BYTES), false);
      return first;
    },
    mergeValues(list, isRoot) {
      values.set(list);
      wasm.mergeValues(list.length / VALUE_BYTES, isRoot);
      return first;
    },
  };
}

// An input of the official vectors that takes every path: whole chunks, a chunk of one byte, unused lanes, parents with
// and without a partner, the root.
const TEST_LENGTH = 5121;
/** All of them are the bytes 0 … 250 again and again. */
const TEST_PERIOD = 251;
const TEST_DIGEST = "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff";
// The same bytes where the counter needs more than 32 bits: the piece that starts at 2⁴² bytes.
const TEST_INDEX = 2 ** 22;
const TEST_VALUE = "bfa9440d25a294fde52f119122acaa7ce97e50418a0a42dcd670e5dc0a8650f0";

/** Takes microseconds. Better no digest than a wrong one. */
function selfTest(core: Blake3Core): void {
  const bytes = core.input.subarray(0, TEST_LENGTH);
  for (let i = 0; i < TEST_PERIOD; i++) bytes[i] = i;
  for (let filled = TEST_PERIOD; filled < TEST_LENGTH; filled *= 2) bytes.copyWithin(filled, 0, filled);
  const digest = bytesToHex(core.hashPiece(TEST_LENGTH, 0, true));
  const value = bytesToHex(core.hashPiece(TEST_LENGTH, TEST_INDEX, false));
  if (digest === TEST_DIGEST && value === TEST_VALUE) return;
  throw new UpdateError("E_INTERNAL", "the hashing core gives a wrong digest: nothing can be proven with it", {
    hint: "get this program again, and try another runtime",
  });
}
