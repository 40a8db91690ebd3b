// Evaluates a part that stands in the bundled file compressed. Design: "One bundled file" of docs/architecture.md.
// Must not: be called by hand; build/app-parts.ts writes the calls.
import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { evaluate, requireBuiltin } from "./evaluate.ts";

/**
 * @param packed a CommonJS module, brotli-compressed, in base64
 * @param require what the module gets under that name; builtins only unless said otherwise
 * @returns its `module.exports`
 */
export function unpack(packed: string, require: (id: string) => unknown = requireBuiltin): unknown {
  return evaluate(brotliDecompressSync(Buffer.from(packed, "base64")).toString(), require);
}
