// The esbuild plugin that puts the compiled cipher in the place of src/heavy/embedded-cipher.ts, as base64.
// Design: docs/decisions/0027-cipher-core.md. Must not: write a path of this machine into the bytes.
import type { Plugin } from "esbuild";
import type { WasmModule } from "./wasm-modules.ts";

export function cipherCore({ bytes }: Pick<WasmModule, "bytes">): Plugin {
  const base64 = Buffer.from(bytes).toString("base64");
  return {
    name: "cipher-core",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]heavy[\\/]embedded-cipher\.ts$/ }, () => ({
        contents: `export const cipherModule = () => new Uint8Array(Buffer.from("${base64}", "base64"));`,
      }));
    },
  };
}
