// A fresh identity of a node. Must not: load the library, or need a test around it.
import { generateKeyPairSync } from "node:crypto";

/** 64 bytes, seed and public key, as `createHost` takes them. */
export function newIdentity(): Uint8Array {
  const { d = "", x = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.concat([Buffer.from(d, "base64url"), Buffer.from(x, "base64url")]));
}
