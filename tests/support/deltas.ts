// Deltas for tests: a program and its next version, the delta between them, and what signed metadata would say of it.

import { createHash } from "node:crypto";
import type { Artifact, Delta, Verified } from "../../src/api.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { makeDelta } from "../../src/publish/make-delta.ts";
import { artifactOf, pieceListOf, testBytes } from "./artifact.ts";

/** A later version of some bytes, as compilers make it: code moved, and an address is another one every 40 bytes. */
export function nextVersion(bytes: Uint8Array): Uint8Array {
  const cut = Math.floor(bytes.length / 3);
  const next = new Uint8Array(bytes.length + 100);
  next.set(bytes.subarray(0, cut));
  next.set(testBytes(100, "new code"), cut);
  next.set(bytes.subarray(cut), cut + 100);
  for (let at = cut + 100; at < 2 * cut; at += 40) next[at] = next[at]! + 7;
  return next;
}

export interface TestDelta {
  readonly artifact: Verified<Artifact>;
  readonly delta: Delta;
  /** The delta file. */
  readonly file: Uint8Array;
  readonly headLength: number;
}

/** @param version of `bytes`; `base` is 1.0.0 */
export async function deltaBetween(base: Uint8Array, bytes: Uint8Array, version = "1.1.0"): Promise<TestDelta> {
  const signal = new AbortController().signal;
  const made = await makeDelta(base, bytes, await pieceListOf(bytes), { signal, maxBytes: Infinity });
  if (made === undefined) throw new Error("a delta without a limit is made");
  const file = Buffer.concat([made.head, ...made.patches]);
  const from = await artifactOf(base, "1.0.0");
  const delta: Delta = {
    from: { version: from.version, length: from.length, sha256: from.sha256 },
    length: file.length,
    headSha256: createHash("sha256").update(made.head).digest("hex"),
  };
  // What signed metadata would say.
  const artifact = { ...await artifactOf(bytes, version), deltas: [delta] } as Verified<Artifact>;
  return { artifact, delta, file, headLength: made.head.length };
}

/** A program of some pieces and its next version. */
export async function testDelta(pieces = 4): Promise<TestDelta & { base: Uint8Array; bytes: Uint8Array }> {
  const base = testBytes((pieces - 1) * PIECE_BYTES + 54_321, "version 1.0.0");
  const bytes = nextVersion(base);
  return { base, bytes, ...await deltaBetween(base, bytes) };
}
