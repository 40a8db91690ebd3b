// The esbuild plugin that loads builtin modules and CommonJS packages when they are first used, not at the start.
// An ES import cannot wait: a light command would pay for crypto, streams and sockets, twice its own time on most
// runtimes (tests/bench/startup.ts). Design: "One bundled file" of docs/architecture.md.
// Must not: touch the imports of npm packages; what it relies on holds for the project's own code only.
import { relative } from "node:path";
import type { Plugin } from "esbuild";

/** CommonJS packages whose start costs a millisecond or more. */
const PACKAGES = ["semver"];

/** Marks the plugin's own question where a package is. */
const ASKED_BY_US = {};

/** @param project the project's folder */
export function lazyModules(project: string): Plugin {
  return {
    name: "lazy-modules",
    setup(build) {
      const filter = new RegExp(`^(node:|(${PACKAGES.join("|")})(/|$))`);
      build.onResolve({ filter }, async ({ path, importer, kind, resolveDir, pluginData }) => {
        const own = kind === "import-statement" && !/[\\/]node_modules[\\/]/.test(importer);
        if (!own || pluginData === ASKED_BY_US) return undefined;
        if (path.startsWith("node:")) return { path, namespace: "lazy-builtin" };
        const found = await build.resolve(path, {
          kind: "require-call",
          importer,
          resolveDir,
          pluginData: ASKED_BY_US,
        });
        // Without this machine's folders: the path gets into the names of parts.
        return { path: relative(project, found.path), namespace: "lazy-package", errors: found.errors };
      });
      build.onLoad({ filter: /./, namespace: "lazy-builtin" }, ({ path }) => ({
        // Every command needs `process`, and assignments to it (`process.exitCode`) must reach the real one.
        contents: path === "node:process"
          ? "export default globalThis.process"
          : lazily(`require("./src/heavy/evaluate.ts").requireBuiltin(${JSON.stringify(path)})`),
        resolveDir: project,
      }));
      build.onLoad({ filter: /./, namespace: "lazy-package" }, ({ path }) => ({
        contents: lazily(`require(${JSON.stringify(`./${path.replaceAll("\\", "/")}`)})`),
        resolveDir: project,
      }));
    },
  };
}

/**
 * Names imported from a CommonJS module are read from it at each use, through an object that esbuild makes with the
 * module's own prototype. So a prototype that asks the real module is all that is needed, and no list of names.
 */
function lazily(expression: string): string {
  return `
    let loaded;
    const load = () => loaded ??= ${expression};
    const get = (_, name) => name === "__esModule" || (name === "default" ? load() : load()[name]);
    module.exports = Object.create(new Proxy({}, { get }));`;
}
