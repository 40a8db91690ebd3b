// ChaCha20-Poly1305 (RFC 8439) of our own, for a runtime whose cryptography lacks it: wasm/chacha20-poly1305.ts, tested
// before its first use. Design: docs/decisions/0027-cipher-core.md.
// Must not: hand out bytes that are not authentic, or be used where the runtime has the cipher.
import { cipherModule } from "./embedded-cipher.ts";

export const TAG_BYTES = 16;
const KEY_BYTES = 32, NONCE_BYTES = 12;
/** What Poly1305 works on. */
const BLOCK_BYTES = 16;
/** A message of Noise (Noise Protocol Framework, section 3) without its tag. */
export const MAX_TEXT_BYTES = 0xffff - TAG_BYTES;
/** Noise has none, or a digest. There is room for three times as much before the text. */
export const MAX_AAD_BYTES = 1024;

/**
 * Each call is whole: key and nonce, then text. They stay in the module's memory, as does the one-time key, until the next
 * call writes over them; whoever could read them there could read them in the memory of the caller.
 */
export interface CompiledCipher {
  /**
   * @param key 32 bytes
   * @param nonce 12 bytes, never twice for a key
   * @param aad at most `MAX_AAD_BYTES`
   * @param parts the text, joined in order: at most `MAX_TEXT_BYTES`
   * @returns ciphertext and tag, alone in memory of their own. @throws RangeError
   */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer>;
  /**
   * @param parts ciphertext and tag, joined in order
   * @returns the text, alone in memory of its own. @throws Error when it is not authentic; RangeError
   */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer>;
}

interface CipherExports {
  memory: WebAssembly.Memory;
  KEY: WebAssembly.Global;
  NONCE: WebAssembly.Global;
  TEXT: WebAssembly.Global;
  seal(aadBytes: number, textBytes: number): void;
  open(aadBytes: number, textBytes: number): number;
}

let shared: CompiledCipher | undefined;

/** One for all connections: no call leaves anything that another needs. @throws Error when it cannot be relied on */
export function compiledCipher(): CompiledCipher {
  return shared ??= startCipher(cipherModule());
}

/**
 * @param wasm wasm/chacha20-poly1305.ts, compiled
 * @throws Error when the host cannot run it or it gives a wrong answer
 */
export function startCipher(wasm: Uint8Array<ArrayBuffer>): CompiledCipher {
  let cipher: CompiledCipher;
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    cipher = cipherOf(exports as unknown as CipherExports); // a module that exports anything else fails here or below
  } catch (cause) {
    throw new Error("the cipher core does not start", { cause });
  }
  try {
    selfTest(cipher);
  } catch (cause) {
    throw new Error("the cipher core gives a wrong answer: no connection is safe with it", { cause });
  }
  return cipher;
}

function cipherOf(wasm: CipherExports): CompiledCipher {
  const memory = new Uint8Array(wasm.memory.buffer as ArrayBuffer); // of a fixed size, and not shared
  const keyAt: number = wasm.KEY.value, nonceAt: number = wasm.NONCE.value, textAt: number = wasm.TEXT.value;

  /** @returns bytes of all parts */
  function put(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    parts: Iterable<Uint8Array>,
    maxBytes: number,
  ): number {
    if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) {
      throw new RangeError("a key or nonce of another size");
    }
    if (aad.length > MAX_AAD_BYTES) throw new RangeError(`${aad.length} bytes of additional data`);
    let end = textAt;
    for (const part of parts) {
      if (part.length > textAt + maxBytes - end) throw new RangeError(`a message of more than ${maxBytes} bytes`);
      memory.set(part, end);
      end += part.length;
    }
    memory.set(key, keyAt);
    memory.set(nonce, nonceAt);
    memory.set(aad, textAt - BLOCK_BYTES * Math.ceil(aad.length / BLOCK_BYTES)); // padded, it ends where the text begins
    return end - textAt;
  }

  return {
    seal(key, nonce, aad, parts) {
      const textBytes = put(key, nonce, aad, parts, MAX_TEXT_BYTES);
      wasm.seal(aad.length, textBytes);
      return memory.slice(textAt, textAt + textBytes + TAG_BYTES);
    },
    open(key, nonce, aad, parts) {
      const textBytes = put(key, nonce, aad, parts, MAX_TEXT_BYTES + TAG_BYTES) - TAG_BYTES;
      if (textBytes < 0 || wasm.open(aad.length, textBytes) !== 1) throw new Error("a message does not authenticate");
      return memory.slice(textAt, textAt + textBytes);
    },
  };
}

// RFC 8439, appendix A.5: several strides, and a last one that is not full. The tag depends on every byte of ciphertext.
const TEST_KEY = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
const TEST_NONCE = "000000000102030405060708";
const TEST_AAD = "f33388860000000000004e91";
const TEST_TEXT =
  "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or " +
  "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to " +
  "cite them other than as /\u201cwork in progress./\u201d";
const TEST_TAG = "eead9d67890cbb22392336fea1851f38";

/** Takes microseconds. Better no cipher than a wrong one, or one that takes every message for authentic. */
function selfTest({ seal, open }: CompiledCipher): void {
  const key = Buffer.from(TEST_KEY, "hex"), nonce = Buffer.from(TEST_NONCE, "hex"), aad = Buffer.from(TEST_AAD, "hex");
  const text = Buffer.from(TEST_TEXT);
  const sealed = seal(key, nonce, aad, [text]);
  if (Buffer.from(sealed.subarray(text.length)).toString("hex") !== TEST_TAG) throw new Error("another tag");
  if (!text.equals(open(key, nonce, aad, [sealed]))) throw new Error("another text");
  sealed[sealed.length - 1]! ^= 0x80; // it has a tag
  let isOpened = true;
  try {
    open(key, nonce, aad, [sealed]);
  } catch {
    isOpened = false;
  }
  if (isOpened) throw new Error("a wrong tag is taken for the right one");
}
