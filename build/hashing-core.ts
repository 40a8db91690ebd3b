// The esbuild plugin that puts the hashing core in the place of src/hash/embedded.ts: WebAssembly as base64, and the
// programs of its workers as `data:` URLs, which start from a file, from standard input and inside a single executable.
// Design: "The hashing core" of docs/architecture.md.
// Must not: write a path of this machine into the bytes.
import { join } from "node:path";
import type { BuildOptions, Plugin } from "esbuild";
import * as esbuild from "esbuild";
import type { WasmModule } from "./wasm-modules.ts";

/**
 * @param project the project's folder
 * @param options how to bundle a worker
 */
export function hashingCore(project: string, options: BuildOptions, modules: readonly WasmModule[]): Plugin {
  /** @param file below src/ */
  async function workerUrl(...file: string[]): Promise<string> {
    const { outputFiles } = await esbuild.build({
      ...options,
      entryPoints: [join(project, "src", ...file)],
      format: "esm",
      write: false,
    });
    const code = outputFiles[0]!.contents; // one entry point, no splitting: exactly one file
    return `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;
  }

  return {
    name: "hashing-core",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]hash[\\/]embedded\.ts$/ }, async () => ({
        contents: [
          `const MODULES = {`,
          ...modules.map(({ name, bytes }) => `"${name}": "${Buffer.from(bytes).toString("base64")}",`),
          `};`,
          `export function coreModule(name) {`,
          // A copy of its own: the bytes of a Buffer may be part of a larger one.
          `  if (globalThis.Buffer) return new Uint8Array(Buffer.from(MODULES[name], "base64"));`,
          // A page has none. A loop: to call a function for each byte took 2 ms.
          `  const text = atob(MODULES[name]);`,
          `  const bytes = new Uint8Array(text.length);`,
          `  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);`,
          `  return bytes;`,
          `}`,
          `export const pieceWorkerUrl = () => new URL("${await workerUrl("hash", "piece-worker.ts")}");`,
          `export const storeWorkerUrl = () => new URL("${await workerUrl("fetch", "store-worker.ts")}");`,
        ].join("\n"),
      }));
    },
  };
}
