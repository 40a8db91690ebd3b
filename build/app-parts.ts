// The esbuild plugin for src/app.ts: the application stands in the bundled file as texts, each evaluated when it is first
// used. To parse all of it takes a runtime longer than the rest of a light command; to read a string takes it nothing.
// Every module that src/app.ts exports from, and every `import()`, begins a text; what several use is a text too.
// Design: "One bundled file" of docs/architecture.md.
// Must not: be given exports that are not functions; the file's start calls them through wrappers.
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { BuildOptions, Metafile, OutputFile, Plugin } from "esbuild";
import * as esbuild from "esbuild";
import { leftOut } from "./left-out.ts";
import { pack } from "./pack.ts";

/** What the file's start and the application both use: one copy of each, or `instanceof` would not hold. */
const SHARED = ["src/baked.ts", "src/errors.ts"];

/** What the light commands do without is compressed: these, the `import()`s of src/heavy/, and what only they use. */
const PACKED = /^src\/(heavy\/|cli\/(node|maintainer)-commands\.ts$)/;

/** The application as it stands in the bundle. */
export interface App {
  readonly parts: readonly AppPart[];
  readonly metafile: Metafile;
}

export interface AppPart {
  readonly name: string;
  /** Of its code. */
  readonly bytes: number;
  /** As it stands in the file; undefined when that is the code itself. */
  readonly packed: string | undefined;
}

/**
 * @param project the project's folder
 * @param options how to bundle the application
 * @param onBuilt is called once
 */
export function appParts(project: string, options: BuildOptions, onBuilt: (app: App) => void): Plugin {
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
    const exported = await exportsOf(entry);
    const { outputFiles, metafile } = await esbuild.build({
      ...options,
      entryPoints: exported.map(({ file }) => relative(project, file)),
      outdir: "dist",
      entryNames: "[name]",
      chunkNames: "[name]-[hash]",
      format: "esm",
      splitting: true,
      plugins: [shared, leftOut, ...options.plugins ?? []],
      metafile: true,
      write: false,
    });
    const light = lightOutputs(metafile);
    const parts = await Promise.all(outputFiles.map((output) => partOf(output, light.has(basename(output.path)))));
    onBuilt({ parts, metafile });
    const textOf = ({ name, code, packed }: TextPart) =>
      `"${name}": () => ${
        packed === undefined ? `evaluate(${JSON.stringify(code)}, get)` : `unpack("${packed}", get)`
      }`;
    return `
      import { evaluate, requireBuiltin } from "./src/heavy/evaluate.ts";
      import { unpack } from "./src/heavy/unpack.ts";
      ${SHARED.map((file, i) => `import * as shared${i} from "./${file}";`).join("\n")}
      const loaded = { ${SHARED.map((file, i) => `"${file}": shared${i}`).join(", ")} };
      const parts = { ${parts.map(textOf).join(", ")} };
      const get = (id) => {
        const name = id in loaded ? id : id.slice(id.lastIndexOf("/") + 1);
        return loaded[name] ??= name in parts ? parts[name]() : requireBuiltin(id);
      };
      ${
      exported.flatMap(({ file, names }) =>
        names.map((name) => `export const ${name} = (...args) => get("${basename(file, ".ts")}.js").${name}(...args);`)
      ).join("\n")
    }`;
  }

  interface TextPart extends AppPart {
    readonly code: string;
  }

  /** A part as a CommonJS module, which can be evaluated from a text. */
  async function partOf({ path, text }: OutputFile, isLight: boolean): Promise<TextPart> {
    const name = basename(path);
    const { code } = await esbuild.transform(text, {
      minify: true,
      charset: "ascii",
      format: "cjs",
      platform: "node",
      target: "node20",
      // From a text nothing can be imported by a path; `get` above knows where the parts are.
      supported: { "dynamic-import": false },
    });
    const module = `${code}//# sourceURL=dchat-update/${name}\n`;
    // One other character makes engines keep all of it twice as wide. Strings are escaped; regular expressions are not.
    const other = /.{0,20}[^\0-\x7f]/.exec(module)?.[0];
    if (other !== undefined) throw new Error(`the application has a character that is not ASCII: ${other}`);
    const packed = isLight ? undefined : pack(Buffer.from(module));
    return { name, bytes: module.length, code: module, packed };
  }

  return {
    name: "app-parts",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]app\.ts$/ }, async ({ path }) => ({
        contents: await wrap(path),
        resolveDir: project,
      }));
    },
  };
}

/** Names of the outputs that are loaded for anything else than a part in PACKED. */
function lightOutputs({ outputs }: Metafile): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint !== undefined);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const output = outputs[path];
    if (output === undefined || found.has(basename(path))) continue; // undefined: a builtin, or shared
    if (PACKED.test(output.entryPoint ?? "")) continue;
    found.add(basename(path));
    waiting.push(...output.imports.filter(({ kind }) => kind !== "dynamic-import").map((i) => i.path));
  }
  return found;
}

/** From which module src/app.ts exports what. It does nothing else. */
async function exportsOf(app: string): Promise<{ file: string; names: string[] }[]> {
  const lines = (await readFile(app, "utf8")).split("\n").filter((line) => line !== "" && !line.startsWith("//"));
  return lines.map((line) => {
    const [, names, file] = /^export \{ (.*) \} from "(\..*)";$/.exec(line) ?? [];
    if (names === undefined || file === undefined) throw new Error(`${app} has a line that is no re-export: ${line}`);
    const values = names.split(", ").filter((name) => !name.startsWith("type "));
    return { file: join(dirname(app), file), names: values };
  });
}
