// The compiled hashing core and the workers that run it. From sources this file looks for what `deno task build` left in
// dist/core/; in the bundled file build/hashing-core.ts puts the bytes themselves in its place.
// Design: "The hashing core" of docs/architecture.md.
// Must not: be asked before something is hashed; light commands do not pay for decoding it.
import { readFileSync } from "node:fs";
import { UpdateError } from "../errors.ts";

/** A module of wasm/; BLAKE3 has one for each kernel. */
export type CoreModule = "blake3-unrolled" | "blake3-looped" | "sha256";

/** The bytes of a WebAssembly module. */
export function coreModule(name: CoreModule): Uint8Array<ArrayBuffer> {
  const file = new URL(`../../dist/core/${name}.wasm`, import.meta.url);
  try {
    return new Uint8Array(readFileSync(file));
  } catch (e) {
    throw new UpdateError("E_INTERNAL", "the hashing core was not built", { cause: e, hint: "run `deno task build`" });
  }
}

/** The program of a hashing worker: src/hash/piece-worker.ts. */
export function pieceWorkerUrl(): URL {
  return new URL("./piece-worker.ts", import.meta.url);
}

/** The program of the thread that owns an artifact in flight: src/fetch/store-worker.ts. */
export function storeWorkerUrl(): URL {
  return new URL("../fetch/store-worker.ts", import.meta.url);
}
