// `require` for the bundled file, which has no real one: of builtin modules, at any time, from any kind of start.
// Design: "One bundled file" of docs/architecture.md. The calls are build/lazy-modules.ts's and unpack.ts's.
// Must not: use createRequire(import.meta.url); a piped program has no URL that is real.
import process from "node:process";

/** @throws Error when the runtime is too old, or has no builtin module of that name */
export function requireBuiltin(id: string): unknown {
  if (process.getBuiltinModule === undefined) {
    throw new Error("dchat-update needs Node 20.16 or later, Deno 2 or Bun 1");
  }
  const builtin = process.getBuiltinModule(id);
  if (builtin === undefined) throw new Error(`this runtime has no module ${id}`);
  return builtin;
}
