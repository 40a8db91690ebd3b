// ChaCha20-Poly1305 for the messages of a connection after its handshake (Noise Protocol Framework, sections 5.1 and 12.3),
// with the runtime's own cryptography, or compiled where it has none. Design: docs/decisions/0025-peer-data-path.md.
// Must not: use a nonce twice, hand out bytes that are not authentic.
import { createCipheriv, createDecipheriv, createSecretKey, getCiphers } from "node:crypto";
import { compiledCipher, TAG_BYTES } from "./compiled-cipher.ts";

export { TAG_BYTES };
const CIPHER = "chacha20-poly1305";
const OPTIONS = { authTagLength: TAG_BYTES };
const NOTHING = new Uint8Array();
/** As the library has it: 2^64 messages are allowed, and none is worth a second number for the nonce. */
const MAX_NONCE = 0xffff_ffff;

/** One direction of a connection: each call takes the next nonce. */
export interface RecordCipher {
  /** @returns ciphertext and tag of the parts, joined, in order; memory that nobody else uses */
  seal(parts: readonly Uint8Array[]): Uint8Array[];
  /**
   * @param sealed ciphertext and tag; not kept
   * @returns the text, alone in memory of its own. @throws Error when it is not authentic
   */
  open(sealed: Uint8Array): Uint8Array;
}

/** @param key 32 bytes; copied */
export function createRecordCipher(key: Uint8Array): RecordCipher {
  return getCiphers().includes(CIPHER) ? native(key) : compiled(key.slice());
}

/** 32 zero bits and a counter of 64 bits, least significant byte first. */
function createNonces(): () => Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  let count = 0;
  return () => {
    if (count > MAX_NONCE) throw new Error("a connection has had all its messages");
    view.setUint32(4, count++, true);
    return bytes;
  };
}

function native(raw: Uint8Array): RecordCipher {
  const key = createSecretKey(raw), nextNonce = createNonces();
  return {
    seal(parts) {
      const cipher = createCipheriv(CIPHER, key, nextNonce(), OPTIONS);
      const sealed: Uint8Array[] = parts.map((part) => cipher.update(part));
      cipher.final(); // a stream cipher has nothing left to give
      sealed.push(cipher.getAuthTag());
      return sealed;
    },
    open(sealed) {
      const textBytes = sealed.length - TAG_BYTES;
      const decipher = createDecipheriv(CIPHER, key, nextNonce(), OPTIONS);
      decipher.setAuthTag(sealed.subarray(textBytes));
      const text = decipher.update(sealed.subarray(0, textBytes));
      decipher.final(); // throws when the tag is wrong
      return text;
    },
  };
}

function compiled(key: Uint8Array): RecordCipher {
  const cipher = compiledCipher(), nextNonce = createNonces();
  return {
    seal: (parts) => [cipher.seal(key, nextNonce(), NOTHING, parts)],
    open: (sealed) => cipher.open(key, nextNonce(), NOTHING, [sealed]),
  };
}
