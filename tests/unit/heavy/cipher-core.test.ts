// The compiled cipher's two halves by themselves, as wasm/chacha20-poly1305.ts exports them: vectors of RFC 8439, the edges
// of Poly1305's arithmetic against whole numbers, ChaCha20 against the host's own. Design: docs/decisions/0027-cipher-core.md.
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { cipherModule } from "../../../src/heavy/embedded-cipher.ts";
import { poly1305, toBytes, toNumber } from "../../support/poly1305-reference.ts";

interface Core {
  memory: WebAssembly.Memory;
  KEY: WebAssembly.Global;
  NONCE: WebAssembly.Global;
  ONE_TIME_KEY: WebAssembly.Global;
  TAG: WebAssembly.Global;
  TEXT: WebAssembly.Global;
  chacha20(at: number, end: number, counter: number): void;
  poly1305(at: number, end: number): void;
  open(aadBytes: number, textBytes: number): number;
  seal(aadBytes: number, textBytes: number): void;
}

const module = new WebAssembly.Module(cipherModule());
const core = new WebAssembly.Instance(module).exports as unknown as Core; // what wasm/chacha20-poly1305.ts exports
const memory = new Uint8Array(core.memory.buffer as ArrayBuffer);
const at = (global: WebAssembly.Global): number => global.value;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

function keyStream(key: Uint8Array, nonce: Uint8Array, counter: number, length: number): Uint8Array {
  memory.set(key, at(core.KEY));
  memory.set(nonce, at(core.NONCE));
  memory.fill(0, at(core.TEXT), at(core.TEXT) + length);
  core.chacha20(at(core.TEXT), at(core.TEXT) + length, counter);
  return memory.slice(at(core.TEXT), at(core.TEXT) + length);
}

function tagOf(r: Uint8Array, s: Uint8Array, blocks: Uint8Array): Uint8Array {
  memory.set(r, at(core.ONE_TIME_KEY));
  memory.set(s, at(core.ONE_TIME_KEY) + 16);
  memory.set(blocks, at(core.TEXT));
  core.poly1305(at(core.TEXT), at(core.TEXT) + blocks.length);
  return memory.slice(at(core.TAG), at(core.TAG) + 16);
}

test("the core imports nothing, takes 3 KB as it is embedded, and its memory does not grow", () => {
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  assert.ok(Buffer.from(cipherModule()).toString("base64").length <= 3000);
  assert.throws(() => core.memory.grow(1), RangeError);
});

const ZEROS = "00".repeat(32);
const COUNTING = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
for (
  const [name, key, nonce, counter, block] of [
    [
      "2.3.2",
      COUNTING,
      "000000090000004a00000000",
      1,
      "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
      "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
    ],
    [
      "A.1, 1",
      ZEROS,
      "000000000000000000000000",
      0,
      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    ],
    [
      "A.1, 2",
      ZEROS,
      "000000000000000000000000",
      1,
      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    ],
    [
      "A.1, 5",
      ZEROS,
      "000000000000000000000002",
      0,
      "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7" +
      "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d",
    ],
    [
      "2.6.2: a one-time key",
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      "000000000001020304050607",
      0,
      "8ad5a08b905f81cc815040274ab29471a833b637e3fd0da508dbb8e2fdd1a646",
    ],
  ] as const
) {
  test(`ChaCha20, RFC 8439, ${name}`, () => {
    assert.equal(hex(keyStream(bytes(key), bytes(nonce), counter, block.length / 2)), block);
  });
}

test("ChaCha20 equals the host's own, whatever the key, the nonce, the first block and the length", () => {
  for (const length of [1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 1024, 4095, 65_519]) {
    for (const counter of [0, 1, 2, 0xffff, 0x7fff_fff0]) {
      const key = randomBytes(32), nonce = randomBytes(12), iv = Buffer.concat([Buffer.alloc(4), nonce]);
      iv.writeUInt32LE(counter);
      const expected = createCipheriv("chacha20", key, iv).update(Buffer.alloc(length));
      assert.equal(hex(keyStream(key, nonce, counter, length)), hex(expected), `${length} bytes from block ${counter}`);
    }
  }
});

const F = "ff".repeat(16), Z = "00".repeat(16);
const one = (byte: string) => byte + "00".repeat(15);
const TEN = "e33594d7505e43b90000000000000000 3394d7505e4379cd0100000000000000" + Z;
for (
  const [name, r, s, blocks, tag] of [
    ["1: nothing but zeros", Z, Z, Z.repeat(4), Z],
    ["5: an accumulator that is the prime and more", one("02"), Z, F, one("03")],
    ["6: s is added modulo 2^128", one("02"), F, one("02"), one("03")],
    ["7: a carry through all words", one("01"), Z, F + "f0" + F.slice(2) + one("11"), one("05")],
    ["8: the prime itself", one("01"), Z, F + "fb" + "fe".repeat(15) + "01".repeat(16), Z],
    ["9: the last subtraction", one("02"), Z, "fd" + F.slice(2), "fa" + F.slice(2)],
    ["10", "01000000000000000400000000000000", Z, TEN + one("01"), "14000000000000005500000000000000"],
    ["11", "01000000000000000400000000000000", Z, TEN, one("13")],
  ] as const
) {
  test(`Poly1305, RFC 8439, A.3, ${name}`, () => {
    assert.equal(hex(tagOf(bytes(r), bytes(s), bytes(blocks))), tag);
  });
}

function assertTag(r: bigint, s: bigint, blocks: readonly bigint[], what: string): bigint {
  const { tag, accumulator } = poly1305(r, s, blocks);
  const given = tagOf(toBytes(r), toBytes(s), Buffer.concat(blocks.map(toBytes)));
  assert.equal(toNumber(given), tag, what);
  return accumulator;
}

test("Poly1305: sums on both sides of the prime, of 2^130 and of every power that a word ends with", () => {
  const prime = (1n << 130n) - 5n;
  const edges = [
    prime,
    1n << 130n,
    2n * prime,
    1n << 131n,
    ...[32n, 64n, 96n, 128n].map((bits) => prime + (1n << bits)),
  ];
  for (const edge of edges) {
    for (let off = -9n; off <= 9n; off++) {
      for (const s of [0n, 1n, (1n << 128n) - 1n]) {
        // With r = 1 the accumulator is the sum of the blocks and of 2^128 for each.
        const count = Number((edge + off) / ((1n << 129n) - 1n)) + 1;
        let left = edge + off - (BigInt(count) << 128n);
        const blocks: bigint[] = [];
        for (let i = 0; i < count; i++) {
          const block = left < 0n ? 0n : left < 1n << 128n ? left : (1n << 128n) - 1n;
          blocks.push(block);
          left -= block;
        }
        assert.equal(left, 0n, "the sum can be had");
        assert.equal(assertTag(1n, s, blocks, `${edge} ${off} ${s}`), (edge + off) % prime);
      }
    }
  }
});

test("Poly1305: the largest words there are: r clamped and not, blocks of ones, for as long as a message is", () => {
  const ones = (1n << 128n) - 1n, largest = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  for (const r of [largest, ones, 0x0fffffffn, 0x0ffffffcn << 32n, 0x0ffffffcn << 64n, 0x0ffffffcn << 96n, 3n, 4n]) {
    for (const count of [1, 2, 3, 4, 5, 17, 4096]) {
      for (const block of [ones, 0n, ones - 4n, 1n << 127n, 0xffff_ffffn << 96n]) {
        assertTag(r, ones, Array<bigint>(count).fill(block), `${r} ${count} ${block}`);
      }
    }
  }
});

test("Poly1305 equals whole numbers: random words, many of them all ones or zeros", () => {
  const word = () => [Buffer.alloc(4), Buffer.alloc(4, 0xff), randomBytes(4)][randomBytes(1)[0]! % 3]!; // one byte
  const number = () => toNumber(Buffer.concat([word(), word(), word(), word()]));
  for (let i = 0; i < 3000; i++) {
    const blocks = Array.from({ length: 1 + i % 9 }, number), r = number(), s = number();
    assertTag(r, s, blocks, `${r} ${s} ${blocks}`);
  }
});

test("what is not authentic is not even deciphered", () => {
  const text = randomBytes(300), from = at(core.TEXT);
  memory.set(randomBytes(32), at(core.KEY));
  memory.set(text, from);
  core.seal(0, text.length);
  const sealed = memory.slice(from, from + text.length + 16);
  sealed[sealed.length - 1]! ^= 1;
  memory.set(sealed, from);
  assert.equal(core.open(0, text.length), 0);
  assert.equal(hex(memory.slice(from, from + text.length)), hex(sealed.subarray(0, text.length)));
});
