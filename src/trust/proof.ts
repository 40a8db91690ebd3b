// The proof of a file: measured digests against signed ones. Design: "Only trust/ makes Verified<T>, and a file's
// proof only from digests that were measured". Must not: measure anything itself.
import type { Artifact, Digests, LocalFile, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";

/**
 * @param file path of the bytes that were measured
 * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
 */
export function proveFile(artifact: Verified<Artifact>, file: string, measured: Digests): Verified<LocalFile> {
  requireDigests(artifact.name, artifact, measured);
  return { file, artifact } as LocalFile as Verified<LocalFile>; // both digests were compared above
}

/** True when they are of the same bytes. */
export function isSameBytes(a: Digests, b: Digests): boolean {
  return a.length === b.length && a.sha256 === b.sha256 && a.blake3 === b.blake3;
}

/**
 * Compares measured digests with signed ones, such as those of a certificate.
 * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
 */
export function requireDigests(name: string, signed: Digests, measured: Digests): void {
  if (measured.length !== signed.length) {
    throw new UpdateError("E_SIZE_MISMATCH", `${name}: ${measured.length} bytes, signed are ${signed.length}`, {
      hint: REFUSED,
    });
  }
  for (const [label, got, wanted] of digestPairs(signed, measured)) {
    if (got !== wanted) {
      throw new UpdateError("E_HASH_MISMATCH", `${name}: ${label} is ${got}, signed is ${wanted}`, { hint: REFUSED });
    }
  }
}

const REFUSED = "these are not the bytes that were released: do not run them; download again from another mirror";

function digestPairs(a: Digests, m: Digests): readonly (readonly [string, string, string])[] {
  return [["SHA-256", m.sha256, a.sha256], ["BLAKE3", m.blake3, a.blake3]];
}
