// The compiled cipher as connections use it: what it seals the host's own opens and the other way round, what is not
// authentic is refused, and a core that is wrong is not used. Design: docs/decisions/0027-cipher-core.md.
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { createHost } from "../../../src/gossip/host.ts";
import { coreModule } from "../../../src/hash/embedded.ts";
import { compiledCipher, MAX_AAD_BYTES, MAX_TEXT_BYTES, startCipher } from "../../../src/heavy/compiled-cipher.ts";
import { cipherModule } from "../../../src/heavy/embedded-cipher.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { newIdentity } from "../../support/new-identity.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const { seal, open } = compiledCipher();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const NOTHING = new Uint8Array();

function sealedByHost(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad, { plaintextLength: text.length });
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Cut anywhere, empty parts among them. */
function cut(bytes: Uint8Array, { below }: ReturnType<typeof seededRandom>): Uint8Array[] {
  const edges = Array.from({ length: below(5) }, () => below(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...edges].map((from, i) => bytes.subarray(from, edges[i]));
}

test("RFC 8439, 2.8.2", () => {
  const key = Buffer.from("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "hex");
  const nonce = Buffer.from("070000004041424344454647", "hex"), aad = Buffer.from("50515253c0c1c2c3c4c5c6c7", "hex");
  const text = Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = seal(key, nonce, aad, [text]);
  assert.equal(
    hex(sealed),
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b" +
      "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116" + "1ae10b594f09e26a7e902ecbd0600691",
  );
  assert.equal(hex(open(key, nonce, aad, [sealed])), hex(text));
});

test("at every length it equals the host's own: any key, nonce, additional data and parts", () => {
  const random = seededRandom("cipher");
  const lengths = Array.from({ length: 601 }, (_, i) => i);
  for (const edge of [1024, 4096, 16_384, 65_408, 65_472]) for (let i = -17; i <= 17; i++) lengths.push(edge + i);
  for (const length of [...lengths, MAX_TEXT_BYTES - 1, MAX_TEXT_BYTES]) {
    const key = randomBytes(32), nonce = randomBytes(12), text = randomBytes(length);
    const aad = randomBytes(
      random.pick([0, 1, 15, 16, 17, 31, 32, 33, 64, random.below(MAX_AAD_BYTES), MAX_AAD_BYTES]),
    );
    const expected = sealedByHost(key, nonce, aad, text), what = `${length} bytes, ${aad.length} beside`;
    const sealed = seal(key, nonce, aad, cut(text, random));
    assert.ok(expected.equals(sealed), what);
    assert.ok(text.equals(open(key, nonce, aad, cut(sealed, random))), what);
  }
});

test("what is handed out is alone in memory of its own, and nobody else's afterwards", () => {
  const key = randomBytes(32), nonce = randomBytes(12), text = randomBytes(1000);
  const sealed = seal(key, nonce, NOTHING, [text]), copy = sealed.slice();
  const opened = open(key, nonce, NOTHING, [sealed]);
  assert.equal(sealed.buffer.byteLength, sealed.length);
  assert.equal(opened.buffer.byteLength, opened.length);
  seal(randomBytes(32), nonce, NOTHING, [randomBytes(2000)]);
  assert.deepEqual(sealed, copy);
  assert.ok(text.equals(opened));
});

for (const [length, aadBytes] of [[0, 0], [0, 5], [1, 32], [16, 16], [130, 3]] as const) {
  test(`${length} bytes with ${aadBytes} beside them: one bit altered anywhere is refused`, () => {
    const [key, nonce, aad] = [randomBytes(32), randomBytes(12), randomBytes(aadBytes)];
    const sealed = seal(key, nonce, aad, [randomBytes(length)]);
    open(key, nonce, aad, [sealed]);
    for (const altered of [sealed, key, nonce, aad]) {
      for (let bit = 0; bit < 8 * altered.length; bit++) {
        altered[bit >> 3]! ^= 1 << (bit & 7);
        assert.throws(() => open(key, nonce, aad, [sealed]), /does not authenticate/, `bit ${bit}`);
        altered[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    open(key, nonce, aad, [sealed]);
  });
}

test("bytes moved between text and additional data, cut off or put behind are refused", () => {
  const key = randomBytes(32), nonce = randomBytes(12), aad = randomBytes(16);
  const sealed = seal(key, nonce, aad, [Buffer.alloc(48)]);
  const refused: [aad: Uint8Array, sealed: Uint8Array][] = [
    [NOTHING, Buffer.concat([aad, sealed])],
    [Buffer.concat([aad, sealed.subarray(0, 16)]), sealed.subarray(16)],
    [aad.subarray(0, 15), sealed],
    [Buffer.concat([aad, Buffer.alloc(1)]), sealed], // padding
    [aad, sealed.subarray(0, -1)],
    [aad, Buffer.concat([sealed, Buffer.alloc(1)])],
    [aad, sealed.subarray(0, 16)],
    [aad, sealed.subarray(0, 15)],
    [aad, NOTHING],
  ];
  for (const [a, s] of refused) assert.throws(() => open(key, nonce, a, [s]), /does not authenticate/);
});

test("what has no room is refused, and the next message is none the worse", () => {
  const key = randomBytes(32), nonce = randomBytes(12), text = randomBytes(100);
  const half = new Uint8Array(MAX_TEXT_BYTES / 2 + 1);
  const sealed = seal(key, nonce, NOTHING, [text]);
  for (
    const refused of [
      () => seal(key, nonce, NOTHING, [half, half]),
      () => seal(key, nonce, NOTHING, [new Uint8Array(1 << 20)]),
      () => open(key, nonce, NOTHING, [half, half, new Uint8Array(16)]),
      () => seal(key, nonce, new Uint8Array(MAX_AAD_BYTES + 1), [text]),
      () => seal(key.subarray(1), nonce, NOTHING, [text]),
      () => seal(key, nonce.subarray(4), NOTHING, [text]),
      () => open(key, Buffer.alloc(24), NOTHING, [sealed]),
    ]
  ) {
    assert.throws(refused, RangeError);
    assert.ok(text.equals(open(key, nonce, NOTHING, [sealed])));
  }
});

/** A core of which some bytes are others; they stand there `count` times. */
function damaged(bytes: readonly number[], instead: readonly number[], count: number): Uint8Array<ArrayBuffer> {
  const core = Buffer.from(cipherModule());
  let found = 0;
  for (let at = core.indexOf(Buffer.from(bytes)); at !== -1; at = core.indexOf(Buffer.from(bytes), at + 1), found++) {
    if (found === 0) core.set(instead, at);
  }
  assert.equal(found, count, "the instruction was found");
  return new Uint8Array(core);
}

// WebAssembly's own numbers of its instructions.
const ANY_TRUE = [0xfd, 0x53], ALL_TRUE = [0xfd, 0x63], I32_CONST = 0x41, SHIFT_LEFT = [0xfd, 0xab, 0x01];
const WRONG_CORES: Record<string, () => Uint8Array<ArrayBuffer>> = {
  "rotates by another number of bits": () => damaged([I32_CONST, 7, ...SHIFT_LEFT], [I32_CONST, 6, ...SHIFT_LEFT], 4),
  "takes a tag for right of which one byte is": () => damaged(ANY_TRUE, ALL_TRUE, 1),
  "clamps r otherwise": () => damaged([0xfc, 0xff, 0xff, 0xff, 0x00], [0xfc, 0x80, 0xff, 0xff, 0x00], 3),
};

for (const [what, wasm] of Object.entries(WRONG_CORES)) {
  test(`a core that ${what} is refused`, () => {
    assert.throws(() => startCipher(wasm()), /wrong answer/);
  });
}

test("bytes that are no module, or another one, are refused", () => {
  assert.throws(() => startCipher(cipherModule().slice(0, 1000)), /does not start/);
  assert.throws(() => startCipher(new Uint8Array(8)), /does not start/);
  assert.throws(() => startCipher(coreModule("sha256")), /does not start/);
});

test("a node whose cipher is wrong does not begin, and says so", async () => {
  const library = await loadLibp2p();
  const wrong = {
    ...library,
    noiseCrypto: () => (startCipher(WRONG_CORES["clamps r otherwise"]!()), library.noiseCrypto()),
  };
  const o = { topic: "t", identity: newIdentity(), listen: [], named: new Set<string>(), allowPrivate: true };
  await assert.rejects(createHost(wrong, { ...o, isShutOut: () => false }), {
    code: "E_INTERNAL",
    message: /the cipher core gives a wrong answer/,
  });
});
