// The esbuild plugin for src/heavy/: each `import()` there becomes a compressed part inside the one file.
// Design: "One bundled file" of docs/architecture.md. The counterpart in the bundle is src/heavy/unpack.ts.
// Must not: compress with the runtime's own encoder; it differs from runtime to runtime.
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import * as esbuild from "esbuild";
import { leftOut } from "./left-out.ts";

/** A part of the bundle. Sizes are in bytes. */
export interface HeavyPart {
  name: string;
  plain: number;
  brotli: number;
  base64: number;
  metafile: Metafile;
}

/**
 * @param project the project's folder
 * @param options how to bundle a part
 * @param onPart is called for each part made
 */
export function heavyParts(project: string, options: BuildOptions, onPart: (part: HeavyPart) => void): Plugin {
  // By `require`: the package's ES entry loads its wasm with fetch, which Node cannot do from a file.
  const brotli: Awaited<typeof import("brotli-wasm").default> = createRequire(import.meta.url)("brotli-wasm");

  async function pack(entry: string): Promise<string> {
    const { outputFiles, metafile } = await esbuild.build({
      ...options,
      entryPoints: [entry],
      format: "cjs",
      plugins: [leftOut],
      footer: { js: `//# sourceURL=dchat-update/${basename(entry, ".ts")}` },
      metafile: true,
      write: false,
    });
    const code = outputFiles[0]!.contents; // one entry point, no splitting: exactly one file
    const packed = brotli.compress(code);
    const base64 = Buffer.from(packed).toString("base64");
    const name = basename(entry, ".ts");
    onPart({ name, plain: code.length, brotli: packed.length, base64: base64.length, metafile });
    return `module.exports = require("./src/heavy/unpack.ts").unpack("${base64}")`;
  }

  return {
    name: "heavy-parts",
    setup(build) {
      build.onResolve({ filter: /./ }, async ({ kind, path, importer, resolveDir }) => {
        const isPart = kind === "dynamic-import" && relative(join(project, "src", "heavy"), dirname(importer)) === "";
        if (!isPart) return undefined;
        const resolved = await build.resolve(path, { kind: "import-statement", importer, resolveDir });
        return { ...resolved, namespace: "heavy-part" };
      });
      build.onLoad({ filter: /./, namespace: "heavy-part" }, async ({ path }) => ({
        contents: await pack(path),
        resolveDir: project,
      }));
    },
  };
}
