// SHA-256 and BLAKE3 of one stream of bytes, computed side by side. Design: "Are these bytes it?" of
// docs/architecture.md: a file is proven by both digests, measured here and nowhere else.
// Must not: read files, judge what it measured.

import { createHash } from "node:crypto";
import type { Digests } from "../api.ts";
import { createBlake3 } from "./blake3.ts";

/** Both digests of the bytes given so far. */
export interface DualDigest {
  /** Bytes given so far. */
  readonly length: number;
  /** Hashes at once; the buffer may be used again when this returns. */
  update(bytes: Uint8Array): void;
  /** Ends the measurement; may be called once. */
  digest(): Digests;
}

export async function createDualDigest(): Promise<DualDigest> {
  // node:crypto is the fastest SHA-256 of every runtime; none has BLAKE3.
  const sha256 = createHash("sha256");
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
    digest: () => ({ length, sha256: sha256.digest("hex"), blake3: blake3.digest() }),
  };
}
