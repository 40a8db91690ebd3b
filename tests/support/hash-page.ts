// The script of a web page, bundled by tests/runtimes/browser.test.ts: hashes with the browser entry of src/hash/ and
// sends what came of it to its server.
// Must not: use anything that a page does not have.
import {
  createBlake3,
  createDualDigest,
  createPieceTree,
  createWasmSha256,
  pieceCount,
  pieceListBytes,
} from "../../src/hash/browser.ts";
import { sequence } from "./sequence.ts";

const PIECE = 1 << 20;

async function run(): Promise<unknown> {
  const lengths: number[] = await (await fetch("/lengths")).json();
  const digests: unknown[] = [];
  for (const length of lengths) {
    const digest = await createDualDigest();
    for (let at = 0; at < length; at += 70_001) digest.update(sequence(length).subarray(at, at + 70_001));
    digests.push(digest.digest());
  }
  const bytes = sequence(5 * PIECE + 321);
  const tree = await createPieceTree();
  const list = new Uint8Array(pieceListBytes(bytes.length));
  for (let i = pieceCount(bytes.length) - 1; i >= 0; i--) {
    list.set(tree.pieceValue(bytes.subarray(i * PIECE, (i + 1) * PIECE), i), i * 32);
  }
  const kernels: string[] = [];
  for (const kernel of ["unrolled", "looped"] as const) {
    const hash = await createBlake3({ kernel });
    hash.update(bytes);
    kernels.push(hash.digest());
  }
  return { digests, root: tree.rootOf(list), kernels, sha256OfNothing: (await createWasmSha256()).digest() };
}

const result = await run().catch((e) => ({ error: String(e) }));
await fetch("/result", { method: "POST", body: JSON.stringify(result) });
