// A digest of what a cipher makes of messages of every length, the same for every right cipher on every runtime.
// Must not: know which cipher it asks.
import { createHash } from "node:crypto";
import type { CompiledCipher } from "../../src/heavy/compiled-cipher.ts";
import { seededRandom } from "./seeded-random.ts";

const LENGTHS = [...Array.from({ length: 300 }, (_, i) => i), 4095, 4096, 65_407, 65_518, 65_519];

/** @throws Error when it does not open what it has sealed, or opens what was altered */
export function cipherAnswers({ seal, open }: Pick<CompiledCipher, "seal" | "open">): string {
  const { below } = seededRandom("cipher answers"), digest = createHash("sha256");
  const some = (length: number) => Uint8Array.from({ length }, () => below(256));
  for (const length of LENGTHS) {
    const key = some(32), nonce = some(12), aad = some(below(70)), text = some(length);
    const sealed = seal(key, nonce, aad, [text.subarray(0, length >> 1), text.subarray(length >> 1)]);
    digest.update(sealed);
    if (!Buffer.from(open(key, nonce, aad, [sealed])).equals(text)) throw new Error(`${length} bytes: another text`);
    sealed[below(sealed.length)]! ^= 1 << below(8);
    let isOpened = true;
    try {
      open(key, nonce, aad, [sealed]);
    } catch {
      isOpened = false;
    }
    if (isOpened) throw new Error(`${length} bytes: an altered message was opened`);
  }
  return digest.digest("hex");
}
