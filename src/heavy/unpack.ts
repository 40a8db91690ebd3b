// Evaluates a part that stands in the bundled file compressed. Design: "One bundled file" of docs/architecture.md.
// Must not: be called by hand; build/heavy-parts.ts writes the calls in place of this folder's `import()`s.
import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { evaluate, requireBuiltin } from "./evaluate.ts";

/**
 * @param packed a CommonJS module that requires nothing but builtins, brotli-compressed, in base64
 * @returns its `module.exports`
 */
export function unpack(packed: string): unknown {
  return evaluate(brotliDecompressSync(Buffer.from(packed, "base64")).toString(), requireBuiltin);
}
