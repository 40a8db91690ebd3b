// Bundles a program over src/gossip/ and src/fetch/, library and hashing core inside, as build.ts does with the product:
// such a program then runs on every runtime. Must not: be used where the product's own file will do.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";
import * as esbuild from "esbuild";
import { cipherCore } from "../../build/cipher-core.ts";
import { hashingCore } from "../../build/hashing-core.ts";
import { leftOut } from "../../build/left-out.ts";
import { coreModule } from "../../src/hash/embedded.ts";
import { cipherModule } from "../../src/heavy/embedded-cipher.ts";

const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODULES = ["blake3-unrolled", "blake3-looped", "sha256"] as const;
/** CommonJS packages of the library ask for builtin modules. */
const BANNER = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;

/** @returns one ES module that imports nothing but builtin modules */
export async function bundleNode(entry: URL): Promise<string> {
  const options = {
    absWorkingDir: PROJECT,
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    mainFields: ["module", "main"],
    define: { "Promise.withResolvers": "withResolvers" }, // Node 20 has none
    inject: [join(PROJECT, "build", "with-resolvers.ts")],
  } as const satisfies BuildOptions;
  const { outputFiles } = await esbuild.build({
    ...options,
    entryPoints: [fileURLToPath(entry)],
    format: "esm",
    banner: { js: BANNER },
    plugins: [
      leftOut,
      hashingCore(PROJECT, options, MODULES.map((name) => ({ name, bytes: coreModule(name) }))),
      cipherCore({ bytes: cipherModule() }),
    ],
    write: false,
  });
  await esbuild.stop();
  return outputFiles[0]!.text; // one entry point, no splitting: exactly one file
}
