// The compiled core itself: what it asks of its host, how large it is, and that a damaged one is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compileBlake3,
  instantiateBlake3,
  PART_BYTES,
  PART_PLACES,
  PIECE_BYTES,
  PIECE_PARTS,
} from "../../../src/hash/blake3-core.ts";
import { coreModule } from "../../../src/hash/embedded.ts";
import { kernelForHost, loadBlake3Core } from "../../../src/hash/load-core.ts";
import { mergeNeighbours } from "../../../src/hash/piece-tree.ts";
import { sequence } from "../../support/sequence.ts";

const start = async (wasm: Uint8Array<ArrayBuffer>) => await instantiateBlake3(await compileBlake3(wasm));
const KERNELS = ["blake3-unrolled", "blake3-looped"] as const;

test("the core imports nothing", () => {
  for (const name of [...KERNELS, "sha256"] as const) {
    assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(coreModule(name))), [], name);
  }
});

test("both kernels of BLAKE3 are at most 20 KB as they are embedded", () => {
  const base64 = KERNELS.map((name) => Buffer.from(coreModule(name)).toString("base64").length);
  assert.ok(base64[0]! + base64[1]! <= 20_000, String(base64));
});

test("each engine gets its kernel", () => {
  assert.equal(kernelForHost(), process.versions["bun"] === undefined ? "unrolled" : "looped");
});

for (const name of KERNELS) {
  test(`${name}: a core that gives a wrong digest is refused`, async () => {
    const good = coreModule(name);
    await start(good);
    // One bit of what the code computes with: a rotation by 7 bits (i32x4.shr_u) becomes one by 6.
    const shift = Buffer.from(good).indexOf(Buffer.from([0x41, 7, 0xfd, 0xad, 0x01]));
    assert.notEqual(shift, -1, "the instruction was found");
    const damaged = good.with(shift + 1, 6);
    await assert.rejects(start(damaged), { code: "E_INTERNAL", message: /wrong digest/ });
  });

  test(`${name}: bytes that are no module are refused`, async () => {
    await assert.rejects(start(coreModule(name).slice(0, 1000)), { code: "E_INTERNAL" });
    await assert.rejects(start(new Uint8Array(8)), { code: "E_INTERNAL" });
  });
}

test("a core that lost its exports is refused", async () => {
  await assert.rejects(start(coreModule("sha256")), { code: "E_INTERNAL" });
});

test("each caller has a core of its own", async () => {
  const [a, b] = await Promise.all([loadBlake3Core(), loadBlake3Core()]);
  a.input[0] = 1;
  b.input[0] = 2;
  assert.equal(a.input[0], 1);
});

test("the values of its parts merge to the value of a piece, wherever it is in the file and however long", async () => {
  const core = await loadBlake3Core();
  for (const length of [1, PART_BYTES, PART_BYTES + 1, PIECE_BYTES - 1, PIECE_BYTES - 63, PIECE_BYTES]) {
    for (const index of [0, 1, 2 ** 22 - 1, 2 ** 22, 2 ** 32 - 1]) {
      const bytes = sequence(length);
      core.input.set(bytes);
      const values = new Uint8Array(32 * Math.ceil(length / PART_BYTES));
      for (let part = 0; part * 32 < values.length; part++) {
        const partLength = Math.min(PART_BYTES, length - part * PART_BYTES);
        values.set(core.hashPart(part, partLength, index * PIECE_PARTS + part), part * 32);
      }
      const merged = mergeNeighbours(core, values, PIECE_PARTS);
      core.input.set(bytes); // a last block that is not full was padded
      assert.deepEqual(merged, core.hashPiece(length, index, false).slice(), `${length} bytes, piece ${index}`);
    }
  }
});

test("a part has the same value at each of its places", async () => {
  const core = await loadBlake3Core();
  assert.equal(core.places.length, PART_PLACES * PART_BYTES);
  for (const length of [1, PART_BYTES - 63, PART_BYTES]) {
    const values = Array.from({ length: PART_PLACES }, (_, place) => {
      core.places.fill(place + 1); // what the other lanes find
      core.places.set(sequence(length), place * PART_BYTES);
      return core.hashPart(place, length, 7).slice();
    });
    for (const value of values) assert.deepEqual(value, values[0], `${length} bytes`);
  }
});

test("a page that may not compile at once does it later", async (t) => {
  const { Module, Instance } = WebAssembly;
  t.after(() => Object.assign(WebAssembly, { Module, Instance }));
  function Refused(): never {
    throw new RangeError("disallowed on the main thread");
  }
  Object.assign(WebAssembly, { Module: Refused, Instance: Refused });
  const core = await start(coreModule("blake3-unrolled"));
  assert.equal(core.input.length, PIECE_BYTES);
});
