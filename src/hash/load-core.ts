// Chooses the BLAKE3 kernel that suits the host's engine and starts it.
// Design: "The hashing core" of docs/architecture.md.
// Must not: start anything before something is hashed.
import { type Blake3Core, compileBlake3, instantiateBlake3 } from "./blake3-core.ts";
import { coreModule } from "./embedded.ts";

/** Both give the same digests; see build/blake3-rounds.ts. */
export type KernelName = "unrolled" | "looped";

/**
 * V8 is fastest with the unrolled kernel. JavaScriptCore, of Bun and Safari, is three times slower with it than with
 * the looped one. It alone gives errors a `line`; names of products say less about the engine.
 */
export function kernelForHost(): KernelName {
  return "line" in new Error() ? "looped" : "unrolled";
}

/** Kept: what an engine learns about a module's code goes with the module. */
const modules = new Map<KernelName, WebAssembly.Module>();

/**
 * A core of its own for each caller.
 * @throws UpdateError E_INTERNAL when the host cannot run it or it gives a wrong digest
 */
export async function loadBlake3Core(kernel: KernelName = kernelForHost()): Promise<Blake3Core> {
  const module = modules.get(kernel) ?? await compileBlake3(coreModule(`blake3-${kernel}`));
  modules.set(kernel, module);
  return await instantiateBlake3(module);
}
