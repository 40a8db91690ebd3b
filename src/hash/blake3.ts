// BLAKE3 behind the smallest interface the product needs. Design: "Where the bytes go" of docs/architecture.md.
// Must not: show hash-wasm to anyone else; our own core takes its place here.

// The one file of the package that holds BLAKE3: importing its index puts 200 KB of other hashes into the bundle.
import blake3Module from "hash-wasm/dist/blake3.umd.min.js";

/** A running BLAKE3 hash of 32 bytes. */
export interface Blake3 {
  update(bytes: Uint8Array): void;
  /** 64 lowercase hex digits. May be called once; the hash is spent afterwards. */
  digest(): string;
}

export async function createBlake3(): Promise<Blake3> {
  // The file has no types of its own; these are the package's.
  const { createBLAKE3 } = blake3Module as Pick<typeof import("hash-wasm"), "createBLAKE3">;
  const hasher = (await createBLAKE3()).init();
  return {
    update: (bytes) => void hasher.update(bytes),
    digest: () => hasher.digest("hex"),
  };
}
