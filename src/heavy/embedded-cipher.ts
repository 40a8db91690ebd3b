// The compiled cipher of wasm/chacha20-poly1305.ts. From sources this file looks for what `deno task build` left in
// dist/core/; in the bundled file build/cipher-core.ts puts the bytes themselves in its place.
// Design: docs/decisions/0027-cipher-core.md. Must not: be asked where the runtime has the cipher itself.
import { readFileSync } from "node:fs";

/** The bytes of a WebAssembly module. */
export function cipherModule(): Uint8Array<ArrayBuffer> {
  const file = new URL("../../dist/core/chacha20-poly1305.wasm", import.meta.url);
  try {
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw new Error("the cipher core was not built: run `deno task build`", { cause });
  }
}
