// Makes the memory of a core one that several threads see, so that what one of them has read the others need not.
// Design: "The hashing core" of docs/architecture.md. WebAssembly core specification, 5.5.7 (memory section) and 5.3.8
// (limits), with the threads proposal's flag.
// Must not: be used in a web page; one without cross-origin isolation refuses such memory. Nor is every other host sure
// to have it, which is why it is asked for first.
import { UpdateError } from "../errors.ts";

/** Whether this host has memory that threads share, for programs and for WebAssembly. */
export function canShareMemory(): boolean {
  try {
    // A host without the threads proposal may ignore `shared` instead of refusing it.
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}

/** Behind the module's magic number and version. */
const FIRST_SECTION = 8;
const MEMORY_SECTION = 5;
/** Limits with a maximum, which memory must have to be shared. */
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/**
 * The same module but for one bit: the one memory it defines is shared.
 * @param wasm a module of wasm/
 * @throws UpdateError E_INTERNAL when it is none
 */
export function withSharedMemory(wasm: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let section = FIRST_SECTION;
  // A section is its number, its size and so many bytes. Those before the code are short: their size is one byte.
  while (section < wasm.length && wasm[section] !== MEMORY_SECTION) section += 2 + (wasm[section + 1] ?? 0);
  const flags = section + 3; // behind number, size, and how many memories there are
  if (wasm[flags - 1] !== 1 || wasm[flags] !== HAS_MAXIMUM) {
    throw new UpdateError("E_INTERNAL", "the hashing core has no memory that threads can share");
  }
  return wasm.with(flags, HAS_MAXIMUM | IS_SHARED);
}
