// Bundles a program over src/hash/ with the core inside, as build.ts does with the product.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { hashingCore } from "../../build/hashing-core.ts";
import { coreModule } from "../../src/hash/embedded.ts";

const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODULES = ["blake3-unrolled", "blake3-looped", "sha256"] as const;

/** @returns one ES module that imports nothing but builtin modules, and for a browser not even those */
export async function bundleHash(entry: URL, platform: "node" | "browser"): Promise<string> {
  const options = { absWorkingDir: PROJECT, bundle: true, minify: true, charset: "utf8", target: "es2022" } as const;
  const modules = MODULES.map((name) => ({ name, bytes: coreModule(name) }));
  const { outputFiles } = await esbuild.build({
    ...options,
    entryPoints: [fileURLToPath(entry)],
    format: "esm",
    platform,
    plugins: [hashingCore(PROJECT, { ...options, platform: "node" }, modules)],
    write: false,
  });
  await esbuild.stop();
  return outputFiles[0]!.text; // one entry point, no splitting: exactly one file
}
