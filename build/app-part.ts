// The esbuild plugin for src/app.ts: the application stands in the bundled file as text, evaluated when first used.
// To parse its code takes a runtime longer than all the rest of a light command; to read a string takes it nothing.
// Design: "One bundled file" of docs/architecture.md.
// Must not: be given exports that are not functions; the file's start calls them through wrappers.
import { relative, resolve } from "node:path";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import * as esbuild from "esbuild";

/** What the file's start and the application both use: one copy of each, or `instanceof` would not hold. */
const SHARED = ["src/baked.ts", "src/errors.ts"];

/** The application as it stands in the bundle. */
export interface AppPart {
  /** Of its code, with the parts inside it. */
  readonly bytes: number;
  readonly metafile: Metafile;
}

/**
 * @param project the project's folder
 * @param options how to bundle the application
 * @param onBuilt is called once
 */
export function appPart(project: string, options: BuildOptions, onBuilt: (app: AppPart) => void): Plugin {
  const shared: Plugin = {
    name: "shared",
    setup(build) {
      build.onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) => {
        const file = relative(project, resolve(resolveDir, path)).replaceAll("\\", "/");
        return SHARED.includes(file) ? { path: file, external: true } : undefined;
      });
    },
  };

  async function wrap(entry: string): Promise<string> {
    const { outputFiles, metafile } = await esbuild.build({
      ...options,
      entryPoints: [entry],
      format: "cjs",
      plugins: [shared, ...options.plugins ?? []],
      footer: { js: "//# sourceURL=dchat-update/app" },
      metafile: true,
      write: false,
    });
    const { text, contents } = outputFiles[0]!; // one entry point, no splitting: exactly one file
    // One other character makes engines keep all of it twice as wide. Strings are escaped; regular expressions are not.
    const other = /.{0,20}[^\0-\x7f]/.exec(text)?.[0];
    if (other !== undefined) throw new Error(`the application has a character that is not ASCII: ${other}`);
    onBuilt({ bytes: contents.length, metafile });
    return `
      import { evaluate, requireBuiltin } from "./src/heavy/evaluate.ts";
      ${SHARED.map((file, i) => `import * as shared${i} from "./${file}";`).join("\n")}
      const shared = { ${SHARED.map((file, i) => `"${file}": shared${i}`).join(", ")} };
      let loaded;
      const app = () => loaded ??= evaluate(${JSON.stringify(text)}, (id) => shared[id] ?? requireBuiltin(id));
      ${
      (await exportsOf(entry)).map((name) => `export const ${name} = (...args) => app().${name}(...args);`).join("\n")
    }`;
  }

  return {
    name: "app-part",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]app\.ts$/ }, async ({ path }) => ({
        contents: await wrap(path),
        resolveDir: project,
      }));
    },
  };
}

/** The names of the values that a module exports. */
async function exportsOf(file: string): Promise<string[]> {
  const { metafile } = await esbuild.build({ entryPoints: [file], format: "esm", metafile: true, write: false });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}
