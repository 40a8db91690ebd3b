// Brotli and base64: how a part of the bundled file that is not needed at every start stands in it.
// Design: "One bundled file" of docs/architecture.md. The counterpart in the bundle is src/heavy/unpack.ts.
// Must not: compress with the runtime's own encoder; it differs from runtime to runtime.
import { createRequire } from "node:module";

// By `require`: the package's ES entry loads its wasm with fetch, which Node cannot do from a file.
const brotli: Awaited<typeof import("brotli-wasm").default> = createRequire(import.meta.url)("brotli-wasm");

/** @returns base64 */
export function pack(code: Uint8Array): string {
  return Buffer.from(brotli.compress(code)).toString("base64");
}
