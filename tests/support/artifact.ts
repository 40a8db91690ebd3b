// Artifacts for tests: bytes that look random and are the same in every run, with their measured description.

import { createHash } from "node:crypto";
import type { Artifact, Verified } from "../../src/api.ts";
import { createDualDigest } from "../../src/hash/dual-digest.ts";

/** Bytes that do not repeat, so that a shift by any amount shows. */
export function testBytes(length: number, seed = "artifact"): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, i = 0; at < length; at += 32, i++) {
    const block = createHash("sha256").update(`${seed} ${i}`).digest();
    bytes.set(block.subarray(0, Math.min(32, length - at)), at);
  }
  return bytes;
}

export async function artifactOf(bytes: Uint8Array, version = "1.0.0"): Promise<Verified<Artifact>> {
  const digest = await createDualDigest();
  digest.update(bytes);
  const name = `dchat-${version}-linux-x64`;
  const artifact: Artifact = {
    path: `dchat/${version}/${name}`,
    name,
    version,
    platform: "linux-x64",
    packageType: "binary",
    format: "executable",
    channel: "stable",
    upgradeType: "soft-fork",
    security: false,
    releaseDate: "2026-01-01T00:00:00Z",
    ...digest.digest(),
  };
  return artifact as Verified<Artifact>; // what signed metadata would say of these bytes
}

/** Where a release repository has an artifact. */
export const targetUrlPath = (a: Artifact): string => `/targets/dchat/${a.version}/${a.sha256}.${a.name}`;

/** The right piece list of some bytes; empty for one piece. */
export async function pieceListOf(bytes: Uint8Array): Promise<Uint8Array> {
  const digest = await createDualDigest();
  digest.update(bytes);
  return digest.pieces();
}
