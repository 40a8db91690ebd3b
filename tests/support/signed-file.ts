// Signed files for tests: keys from seeds, envelopes with real signatures, and edits of JSON in place.
// Signatures come from node:crypto, so that a test of the product's verifier has a second opinion in it.
// Must not: check anything; tests build broken files with it.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { canonicalBytes, type Json } from "../../src/trust/json.ts";
import { keyIdOf } from "../../src/trust/keys.ts";

/** JSON that a test may change in place. */
export type MutableJson = null | boolean | number | string | MutableJson[] | MutableObject;
export interface MutableObject {
  [key: string]: MutableJson;
}

export interface TestKey {
  readonly id: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** An Ed25519 key that depends on the seed alone. */
export function testKey(seed: string): TestKey {
  const secret = createHash("sha256").update(`test key ${seed}`).digest();
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret]);
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-32));
  return { id: keyIdOf(publicKey), publicKey, privateKey };
}

/** The key of a file that the product has written. */
export function readTestKey(file: string): TestKey {
  const privateKey = createPrivateKey(readFileSync(file));
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-32));
  return { id: keyIdOf(publicKey), publicKey, privateKey };
}

/** 128 lowercase hex digits. */
export function signatureOf(message: Uint8Array, key: TestKey): string {
  return sign(null, message, key.privateKey).toString("hex");
}

/** The file of an envelope, signed by each key in order. */
export function signedFile(signed: Json, keys: readonly TestKey[]): Uint8Array {
  const message = canonicalBytes(signed);
  return jsonFile({ signatures: keys.map((k) => ({ keyid: k.id, sig: signatureOf(message, k) })), signed });
}

/** Plain JSON text, laid out for people as published metadata often is. */
export function jsonFile(value: Json): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, null, 1));
}

export function parseFile(bytes: Uint8Array): { signed: MutableObject; signatures: MutableObject[] } {
  return JSON.parse(new TextDecoder().decode(bytes)); // the builder's own files have this shape
}

/** The value at a path of keys; throws when there is none, so that a test cannot edit what is not there. */
export function at(value: MutableJson, ...path: (string | number)[]): MutableJson {
  let here: MutableJson | undefined = value;
  for (const key of path) {
    here = Array.isArray(here) ? here[Number(key)] : (here as MutableObject | undefined)?.[key];
    if (here === undefined) throw new Error(`nothing at ${path.join(" / ")}`);
  }
  return here;
}

/** Sets (or with undefined removes) the last key of a path. */
export function put(value: MutableJson, path: readonly (string | number)[], to: MutableJson | undefined): void {
  const parent = at(value, ...path.slice(0, -1));
  const key = path.at(-1) ?? "";
  if (Array.isArray(parent)) {
    if (to === undefined) parent.splice(Number(key), 1);
    else parent[Number(key)] = to;
  } else if (typeof parent === "object" && parent !== null) {
    if (to === undefined) delete parent[key];
    // Not an assignment: "__proto__" has to become a key like any other.
    else Object.defineProperty(parent, key, { value: to, enumerable: true, configurable: true, writable: true });
  } else throw new Error(`no container at ${path.join(" / ")}`);
}

/** TUF's time format. */
export function tufTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
