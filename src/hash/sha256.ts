// SHA-256 of a stream of bytes: by the host's own code where there is any, which is several times faster, else by
// wasm/sha256.ts. Design: "The hashing core" of docs/architecture.md. Usable in a browser page.
// Must not: import a builtin module; a page has none.
import { bytesToHex } from "@noble/hashes/utils.js";
import { UpdateError } from "../errors.ts";
import { coreModule } from "./embedded.ts";

/** A running SHA-256 hash. */
export interface Sha256 {
  /** Hashes at once or keeps a copy; the buffer may be used again when this returns. */
  update(bytes: Uint8Array): void;
  /** 64 lowercase hex digits. May be called once; the hash is spent afterwards. */
  digest(): string;
}

export async function createSha256(): Promise<Sha256> {
  return createNativeSha256() ?? await createWasmSha256();
}

/** Undefined where the host has no node:crypto. */
export function createNativeSha256(): Sha256 | undefined {
  // Not everywhere what the types say: a page has no `process`.
  const host = globalThis as { process?: { getBuiltinModule?: (id: "node:crypto") => typeof import("node:crypto") } };
  const crypto = host.process?.getBuiltinModule?.("node:crypto");
  const hash = crypto?.createHash("sha256");
  return hash && { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}

interface Sha256Exports {
  memory: WebAssembly.Memory;
  INPUT: WebAssembly.Global;
  STATE: WebAssembly.Global;
  start(): void;
  update(length: number): void;
  finish(rest: number, length: bigint): void;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** A part of the core's memory that stays in the processor's nearest cache. */
const BUFFER_BYTES = 32 * 1024;

/** @throws UpdateError E_INTERNAL when the host cannot run it or it gives a wrong digest */
export async function createWasmSha256(): Promise<Sha256> {
  const { instance } = await WebAssembly.instantiate(coreModule("sha256")).catch((e) => {
    throw new UpdateError("E_INTERNAL", `the hashing core does not start: ${e instanceof Error ? e.message : e}`, {
      cause: e,
    });
  });
  const core = instance.exports as unknown as Sha256Exports; // what wasm/sha256.ts exports
  const memory = core.memory.buffer as ArrayBuffer; // not shared: the module asks for none
  const input = new Uint8Array(memory, core.INPUT.value, BUFFER_BYTES);
  const state = new Uint8Array(memory, core.STATE.value, DIGEST_BYTES);

  function start(): Sha256 {
    let length = 0;
    let filled = 0;
    core.start();
    return {
      update(bytes) {
        length += bytes.length;
        for (let rest = bytes; rest.length > 0;) {
          const part = rest.subarray(0, BUFFER_BYTES - filled);
          input.set(part, filled);
          filled += part.length;
          rest = rest.subarray(part.length);
          if (filled < BUFFER_BYTES) continue;
          core.update(filled);
          filled = 0;
        }
      },
      digest() {
        const rest = filled % BLOCK_BYTES;
        core.update(filled - rest);
        input.copyWithin(0, filled - rest, filled);
        core.finish(rest, BigInt(length));
        return bytesToHex(state);
      },
    };
  }

  // A padded block of two, and a schedule of whole words. Better no digest than a wrong one.
  const test = start();
  test.update(new TextEncoder().encode("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")); // FIPS 180-4's own
  if (test.digest() !== "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") {
    throw new UpdateError("E_INTERNAL", "the hashing core gives a wrong digest: nothing can be proven with it");
  }
  return start();
}
