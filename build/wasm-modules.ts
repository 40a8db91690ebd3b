// Compiles wasm/ with AssemblyScript: the hashing core and the cipher as WebAssembly modules, the same bytes in any folder.
// Design: "The hashing core" of docs/architecture.md, docs/decisions/0027-cipher-core.md.
// Must not: let a module import anything; a browser page, a worker and a runtime all give it nothing.
import asc from "assemblyscript/asc";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { type KernelName, roundsSource } from "./blake3-rounds.ts";

export interface WasmModule {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

// asc's own name for the source, so that nothing of this machine's folders can get into the bytes.
const SOURCE = "core.ts", OUTPUT = "core.wasm";

const OPTIONS = [
  "--optimizeLevel=3",
  "--shrinkLevel=0",

  "--noAssert",
  "--runtime=stub",
  "--enable=simd",
  "--use=abort=", // asc would import it
  "--memoryBase=16", // tables of constants; below what the sources place by hand
];

/** What `compileWasm` makes. */
export interface CompiledWasm {
  readonly hashing: readonly WasmModule[];
  readonly cipher: WasmModule;
}

/** @param project the project's folder */
export async function compileWasm(project: string): Promise<CompiledWasm> {
  const source = (file: string) => readFile(join(project, "wasm", file), "utf8");
  const blake3 = await source("blake3.ts");
  const kernel = (name: KernelName) => {
    const text = blake3.replace(/^ *ROUNDS;.*$/m, () => roundsSource(name));
    if (text === blake3) throw new Error("wasm/blake3.ts has no place for the rounds");
    // 34 pages of 64 KiB: what stands before INPUT, room for four parts, and for the unused lanes behind them.
    return compile(`blake3-${name}`, text, 34);
  };
  const sha256 = await compile("sha256", await source("sha256.ts"), 2);
  return {
    hashing: [await kernel("unrolled"), await kernel("looped"), sha256],
    cipher: await compile("chacha20-poly1305", await source("chacha20-poly1305.ts"), 2),
  };
}

/** Leaves the modules in dist/core/, where the sources find them when they run as they are. */
export async function keepWasm(project: string, { hashing, cipher }: CompiledWasm): Promise<void> {
  const folder = join(project, "dist", "core");
  await mkdir(folder, { recursive: true });
  for (const { name, bytes } of [...hashing, cipher]) {
    const file = join(folder, `${name}.wasm`);
    // Whole or not at all: a test may be reading it.
    await writeFile(`${file}.${process.pid}`, bytes);
    await rename(`${file}.${process.pid}`, file);
  }
}

async function compile(name: string, text: string, pages: number): Promise<WasmModule> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [SOURCE, `--outFile=${OUTPUT}`, `--initialMemory=${pages}`, `--maximumMemory=${pages}`, ...OPTIONS],
    {
      readFile: (file) => file === SOURCE ? text : null,
      writeFile: (file, contents) => {
        if (file === OUTPUT && typeof contents !== "string") bytes = new Uint8Array(contents);
      },
      listFiles: () => [],
    },
  );
  if (error !== null || bytes === undefined) throw new Error(`${name}: ${stderr.toString()}`, { cause: error });
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  if (imports.length > 0) throw new Error(`${name} imports ${imports.map((i) => i.name).join(", ")}`);
  return { name, bytes };
}
