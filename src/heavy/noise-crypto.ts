// What Noise is made of, out of the runtime's own cryptography. Design: "The network of nodes" of docs/architecture.md.
// Bun has no ChaCha20-Poly1305: with the package's own choice every message of 1,200 bytes and more fails there, silently.
// Must not: be used for anything but connections; what is believed is proven by signatures and digests elsewhere.
import type { ICryptoInterface } from "@libp2p/noise";
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  getCiphers,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { Uint8ArrayList } from "uint8arraylist";
import { compiledCipher, TAG_BYTES } from "./compiled-cipher.ts";

const CIPHER = "chacha20-poly1305";
// What stands before the 32 bytes of a key in the forms that node:crypto reads (RFC 8410).
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

function privateKey(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, raw]), type: "pkcs8", format: "der" });
}

function publicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), type: "spki", format: "der" });
}

function rawKeys(pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }) {
  return {
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "der" }).subarray(PRIVATE_PREFIX.length),
    publicKey: pair.publicKey.export({ type: "spki", format: "der" }).subarray(PUBLIC_PREFIX.length),
  };
}

type Cipher = Pick<ICryptoInterface, "chaCha20Poly1305Encrypt" | "chaCha20Poly1305Decrypt">;

// A connection has two keys for all its messages, and to take one over costs a runtime a quarter of a message.
const keyObjects = new WeakMap<Uint8Array, KeyObject>();

function keyObject(raw: Uint8Array): KeyObject {
  const known = keyObjects.get(raw);
  if (known !== undefined) return known;
  const made = createSecretKey(raw);
  keyObjects.set(raw, made);
  return made;
}

const native: Cipher = {
  chaCha20Poly1305Encrypt(plaintext, nonce, ad, key) {
    const cipher = createCipheriv(CIPHER, keyObject(key), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(ad, { plaintextLength: plaintext.byteLength });
    const text = parts(plaintext, 0, plaintext.byteLength).map((part) => cipher.update(part));
    cipher.final(); // a stream cipher has nothing left to give
    return new Uint8ArrayList(...text, cipher.getAuthTag());
  },
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key) {
    const textBytes = ciphertext.byteLength - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, keyObject(key), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(ad, { plaintextLength: textBytes });
    decipher.setAuthTag(ciphertext.subarray(textBytes));
    const text = parts(ciphertext, 0, textBytes).map((part) => decipher.update(part));
    decipher.final(); // throws when the tag is wrong
    return new Uint8ArrayList(...text);
  },
};

/** As they lie in memory: to join them would copy all of it. */
function parts(bytes: Uint8Array | Uint8ArrayList, from: number, to: number): Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes.subarray(from, to)] : [...bytes.sublist(from, to)];
}

/** In WebAssembly, for runtimes whose own cryptography lacks it. */
function compiled(): Cipher {
  const cipher = compiledCipher();
  const all = (bytes: Uint8Array | Uint8ArrayList) => parts(bytes, 0, bytes.byteLength);
  return {
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => cipher.seal(key, nonce, ad, all(plaintext)),
    chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key) => cipher.open(key, nonce, ad, all(ciphertext)),
  };
}

export function noiseCrypto(): ICryptoInterface {
  return {
    ...(getCiphers().includes(CIPHER) ? native : compiled()),
    hashSHA256: (data) => createHash("sha256").update(data.subarray()).digest(),
    getHKDF(chainingKey, input) {
      const okm = new Uint8Array(hkdfSync("sha256", input, chainingKey, "", 96));
      return [okm.subarray(0, 32), okm.subarray(32, 64), okm.subarray(64, 96)];
    },
    generateX25519KeyPair: () => rawKeys(generateKeyPairSync("x25519")),
    generateX25519KeyPairFromSeed(seed) {
      const key = privateKey(seed);
      return rawKeys({ privateKey: key, publicKey: createPublicKey(key) });
    },
    generateX25519SharedKey: (ours, theirs) =>
      diffieHellman({ privateKey: privateKey(ours.subarray()), publicKey: publicKey(theirs.subarray()) }),
  };
}
