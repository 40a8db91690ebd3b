// The one bit that makes a core's memory one that threads share.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileBlake3, instantiateBlake3 } from "../../../src/hash/blake3-core.ts";
import { coreModule } from "../../../src/hash/embedded.ts";
import { withSharedMemory } from "../../../src/hash/shared-memory.ts";

for (const name of ["blake3-unrolled", "blake3-looped"] as const) {
  test(`${name}: works in shared memory, and differs in one bit`, async () => {
    const wasm = coreModule(name);
    const shared = withSharedMemory(wasm);
    const changed = [...shared.keys()].filter((i) => shared[i] !== wasm[i]);
    assert.equal(changed.length, 1);
    const core = await instantiateBlake3(await compileBlake3(shared)); // tests itself
    assert.ok(core.input.buffer instanceof SharedArrayBuffer);
  });
}

test("without it memory is a core's own", async () => {
  const core = await instantiateBlake3(await compileBlake3(coreModule("blake3-unrolled")));
  assert.ok(core.input.buffer instanceof ArrayBuffer);
});

test("what has no memory to share is refused", () => {
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  for (const wasm of [new Uint8Array(0), empty, withSharedMemory(coreModule("blake3-looped"))]) {
    assert.throws(() => withSharedMemory(wasm), { code: "E_INTERNAL" });
  }
});
