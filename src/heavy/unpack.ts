// Evaluates a part that build.ts compressed into the bundled file. Design: "One bundled file" of docs/architecture.md.
// No temporary file, no `data:` URL: it works from standard input, on a read-only disk and in single executables.
// Must not: be called by hand; build.ts writes the calls in place of this folder's `import()`s.
import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { requireBuiltin } from "./require-builtin.ts";

/**
 * @param name only for stack traces
 * @param packed a CommonJS module that requires nothing but builtins, brotli-compressed, in base64
 * @returns its `module.exports`
 */
export function unpack(name: string, packed: string): unknown {
  const code = brotliDecompressSync(Buffer.from(packed, "base64")).toString();
  const module = { exports: {} };
  const run = new Function("require", "module", "exports", `${code}\n//# sourceURL=${name}`);
  run(requireBuiltin, module, module.exports);
  return module.exports;
}
