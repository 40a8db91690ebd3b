// Evaluates a part that stands in the bundled file as text. Design: "One bundled file" of docs/architecture.md.
// No temporary file, no `data:` URL: it works from standard input, on a read-only disk and in single executables.
// Must not: be called by hand; the calls are written by build/. Must not import `node:process`: it costs Deno 15 ms.

/**
 * @param code a CommonJS module
 * @param require what the module gets under that name
 * @returns its `module.exports`
 */
export function evaluate(code: string, require: (id: string) => unknown): unknown {
  const module = { exports: {} };
  new Function("require", "module", "exports", code)(require, module, module.exports);
  return module.exports;
}

/**
 * `require` of builtin modules, at any time, from any kind of start: a piped program has no URL for `createRequire`.
 * @throws Error when the runtime is too old, or has no builtin module of that name
 */
export function requireBuiltin(id: string): unknown {
  if (process.getBuiltinModule === undefined) {
    throw new Error("dchat-update needs Node 20.16 or later, Deno 2 or Bun 1");
  }
  const builtin = process.getBuiltinModule(id);
  if (builtin === undefined) throw new Error(`this runtime has no module ${id}`);
  return builtin;
}
