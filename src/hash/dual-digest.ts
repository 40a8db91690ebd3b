// SHA-256 and BLAKE3 of one stream of bytes, computed side by side. Design: "Are these bytes it?" of
// docs/architecture.md: a file is proven by both digests, measured in this folder and nowhere else.
// Must not: read files, judge what it measured. Usable in a browser page.
import type { Digests } from "../api.ts";
import { createBlake3 } from "./blake3.ts";
import { createSha256 } from "./sha256.ts";

/** Both digests of the bytes given so far. */
export interface DualDigest {
  /** Bytes given so far. */
  readonly length: number;
  /** Hashes at once or keeps a copy; the buffer may be used again when this returns. */
  update(bytes: Uint8Array): void;
  /** Ends the measurement; may be called once. */
  digest(): Digests;
  /** Ends the BLAKE3 half. The piece list: 32 bytes for each MiB; empty for a file of one piece. */
  pieces(): Uint8Array;
}

export async function createDualDigest(): Promise<DualDigest> {
  const sha256 = await createSha256();
  const blake3 = await createBlake3();
  let length = 0;
  return {
    get length() {
      return length;
    },
    update(bytes) {
      sha256.update(bytes);
      blake3.update(bytes);
      length += bytes.length;
    },
    digest: () => ({ length, sha256: sha256.digest(), blake3: blake3.digest() }),
    pieces: () => blake3.pieces(),
  };
}
