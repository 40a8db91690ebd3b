// Published Ed25519 vectors as one shape, and what the product's verifier says of a list of them.
// Must not: find the files; they are not part of the project.
import { verifyEd25519 } from "../../src/trust/ed25519.ts";

export interface SignatureVector {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export interface WycheproofVector extends SignatureVector {
  readonly id: number;
  readonly comment: string;
  readonly valid: boolean;
}

/** What `ed25519-verdicts.ts` prints: one digit a vector, 1 accepted, 0 refused. */
export interface VerdictReport {
  readonly edgeCases: string;
  readonly wycheproof: string;
  readonly speccheck: string;
  /** SHA-256 of the three, one a line. */
  readonly sha256: string;
  /** The same without the host's own verifier. */
  readonly ownSha256: string;
  /** Whether the host has one that is used. */
  readonly isNative: boolean;
  readonly verificationMs: number;
}

export function verdicts(vectors: readonly SignatureVector[], verify = verifyEd25519): string {
  return vectors.map((v) => (verify(v.signature, v.message, v.publicKey) ? "1" : "0")).join("");
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

/** C2SP Wycheproof, `ed25519_test.json`. */
export function readWycheproof(json: string): WycheproofVector[] {
  interface Group {
    publicKey: { pk: string };
    tests: { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }
  const { testGroups } = JSON.parse(json) as { testGroups: Group[] }; // the file's published schema
  return testGroups.flatMap(({ publicKey, tests }) =>
    tests.map((t) => ({
      id: t.tcId,
      comment: t.comment,
      publicKey: hex(publicKey.pk),
      message: hex(t.msg),
      signature: hex(t.sig),
      valid: t.result === "valid",
    }))
  );
}

/** ed25519-speccheck, `cases.json`. */
export function readSpeccheck(json: string): SignatureVector[] {
  const cases = JSON.parse(json) as { message: string; pub_key: string; signature: string }[]; // as published
  return cases.map((c) => ({ publicKey: hex(c.pub_key), message: hex(c.message), signature: hex(c.signature) }));
}
