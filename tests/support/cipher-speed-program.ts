// A program for tests/bench/cipher.ts: messages of the largest size, sealed and opened by our compiled cipher and by the
// library's in turn, in one cold process. Prints the median of each in bytes per second of processor time, which others
// on the machine change less than wall time; and how long our core takes to start. Must not: judge.
import { ChaCha20Poly1305, newInstance } from "@chainsafe/as-chacha20poly1305";
import process from "node:process";
import { type CompiledCipher, MAX_TEXT_BYTES, startCipher } from "../../src/heavy/compiled-cipher.ts";
import { cipherModule } from "../../src/heavy/embedded-cipher.ts";

const MESSAGES = 128;
const ROUNDS = 9;
const WARM_UPS = 3; // the engines compile twice: fast, then well
const NAMES = ["seal", "open", "librarySeal", "libraryOpen"] as const;

/** Bytes a second of processor time, but for the last. */
export type CipherSpeeds = Record<(typeof NAMES)[number] | "startMs", number>;

const wasm = cipherModule();
const before = performance.now();
const ours = startCipher(wasm);
const startMs = performance.now() - before;

const aead = new ChaCha20Poly1305(newInstance());
const library: CompiledCipher = {
  seal: (key, nonce, aad, [text]) => aead.seal(key, nonce, text!, aad) as Uint8Array<ArrayBuffer>, // of its own making
  open: (key, nonce, aad, [sealed]) => aead.open(key, nonce, sealed!, aad) as Uint8Array<ArrayBuffer>,
};

const [key, nonce, aad] = [new Uint8Array(32).fill(7), new Uint8Array(12), new Uint8Array()];
const text = Uint8Array.from({ length: MAX_TEXT_BYTES }, (_, i) => (i * 7919) >> 3);
const sealed = ours.seal(key, nonce, aad, [text]);
if (!Buffer.from(sealed).equals(library.seal(key, nonce, aad, [text]))) throw new Error("the rivals do not agree");
const once: Record<(typeof NAMES)[number], () => Uint8Array> = {
  seal: () => ours.seal(key, nonce, aad, [text]),
  open: () => ours.open(key, nonce, aad, [sealed]),
  librarySeal: () => library.seal(key, nonce, aad, [text]),
  libraryOpen: () => library.open(key, nonce, aad, [sealed]),
};

const taken: Record<(typeof NAMES)[number], number[]> = { seal: [], open: [], librarySeal: [], libraryOpen: [] };
for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const name of NAMES) {
    const start = process.cpuUsage();
    for (let i = 0; i < MESSAGES; i++) once[name]();
    const { user, system } = process.cpuUsage(start); // microseconds
    if (round >= 0) taken[name].push(MESSAGES * MAX_TEXT_BYTES / ((user + system) / 1e6));
  }
}
const speeds = NAMES.map((name) => [name, taken[name].toSorted((a, b) => a - b)[ROUNDS >> 1]]);
console.log(JSON.stringify({ ...Object.fromEntries(speeds), startMs }));
