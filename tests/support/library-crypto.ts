// Noise's cryptography as the library brings it along: with its own compiled cipher, where the runtime has none.
// The library's own choice there fails, silently (src/heavy/noise-crypto.ts says how).
import { ChaCha20Poly1305, newInstance } from "@chainsafe/as-chacha20poly1305";
import type { ICryptoInterface } from "@libp2p/noise";
import { getCiphers } from "node:crypto";

/** @param own the product's, of which all is kept that the runtime itself does */
export function libraryCrypto(own: ICryptoInterface): ICryptoInterface {
  if (getCiphers().includes("chacha20-poly1305")) return own;
  const aead = new ChaCha20Poly1305(newInstance());
  return {
    ...own,
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => aead.seal(key, nonce, plaintext.subarray(), ad),
    chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key) {
      const text = aead.open(key, nonce, ciphertext.subarray(), ad);
      if (text === null) throw new Error("a message does not authenticate");
      return text;
    },
  };
}
