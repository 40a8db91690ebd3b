// The esbuild plugin that loads a runtime's builtin modules when they are first used, not when the file starts.
// An ES import cannot wait: a light command would pay for crypto, streams and sockets, twice its own time on most
// runtimes (tests/bench/startup.ts). Design: "One bundled file" of docs/architecture.md.
// Must not: touch imports of npm packages; what this file relies on holds for the project's own code only.
import type { Plugin } from "esbuild";

export const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, importer, kind }) => {
      if (kind !== "import-statement" || /[\\/]node_modules[\\/]/.test(importer)) return undefined;
      return { path, namespace: "lazy-builtin" };
    });
    build.onLoad({ filter: /./, namespace: "lazy-builtin" }, ({ path }) => ({
      contents: path === "node:process" ? "export default globalThis.process" : lazily(path),
    }));
  },
};

/**
 * Names imported from a CommonJS module are read from it at each use, through an object that esbuild makes with the
 * module's own prototype. So a prototype that asks the builtin module is all that is needed, and no list of names.
 */
function lazily(builtin: string): string {
  return `
    let loaded;
    const load = () => loaded ??= process.getBuiltinModule(${JSON.stringify(builtin)});
    const get = (_, name) => name === "__esModule" || (name === "default" ? load() : load()[name]);
    module.exports = Object.create(new Proxy({}, { get }));`;
}
