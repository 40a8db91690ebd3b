// Evaluates a part that build.ts compressed into the bundled file. Design: "One bundled file" of docs/architecture.md.
// No temporary file, no `data:` URL: it works from standard input, on a read-only disk and in single executables.
// Must not: be called by hand; build.ts writes the calls in place of this folder's `import()`s.
import { createRequire } from "node:module";

/**
 * @param name only for stack traces
 * @param packed a CommonJS module, brotli-compressed, in base64
 * @returns its `module.exports`
 */
export function unpack(name: string, packed: string): unknown {
  // Parts require only builtins, so any absolute path serves; `import.meta.url` is not a real one in a piped program.
  const require = createRequire(process.execPath);
  // Not imported at the top: commands that need no part should not pay for loading it.
  const zlib: typeof import("node:zlib") = require("node:zlib");
  const code = zlib.brotliDecompressSync(Buffer.from(packed, "base64")).toString();
  const module = { exports: {} };
  const run = new Function("require", "module", "exports", `${code}\n//# sourceURL=${name}`);
  run(require, module, module.exports);
  return module.exports;
}
