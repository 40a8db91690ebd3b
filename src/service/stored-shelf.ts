// What of the network's artifacts lies on this disk, for peers that ask by digest: proven ones, and those on their way.
// Design: docs/gossip.md. What is given is proven once more before, so that a damaged disk makes no liar of this node;
// whoever gets it proves it anyway.
// Must not: give a file that no signed metadata names, or any bytes beyond its signed length.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact } from "../api.ts";
import type { Home } from "../config/home.ts";
import { readFileIfThere } from "../config/home-file.ts";
import { openFile } from "../disk/open-file.ts";
import type { Holding, Shelf } from "../gossip/shelf.ts";
import { pieceMapBytes, readPieceMap } from "../fetch/piece-map.ts";
import { PIECE_BYTES, VALUE_BYTES } from "../hash/blake3-core.ts";
import { measureFile } from "../hash/digest-file.ts";
import { createPieceTree, pieceCount, pieceListBytes, type PieceTree } from "../hash/piece-tree.ts";
import { ANY_TIME, type TrustState } from "../trust/client.ts";
import { isSameBytes } from "../trust/proof.ts";
import { listReleases } from "../trust/releases.ts";

/** So much of a file is read at a time for one peer. Each read costs Deno so much that half of it would be slower. */
const CHUNK_BYTES = 512 << 10;

/** Files whose measurement is remembered, 32 bytes a MiB: more than anybody keeps, or peers could ask for one after another. */
const MAX_MEASURED = 64;

export function createStoredShelf(
  home: Pick<Home, "packagesDir" | "partialDir">,
  state: () => TrustState,
  signal: AbortSignal,
): Shelf {
  let tree: Promise<PieceTree> | undefined; // loaded when the first piece on its way is asked for
  let listed: { readonly of: TrustState; readonly bySha256: ReadonlyMap<string, Artifact> } | undefined;
  const measured = new Map<string, Promise<Uint8Array | undefined>>();

  function artifactOf(sha256: string): Artifact | undefined {
    const now = state();
    if (listed?.of !== now) {
      // What is given away was proven once, whatever the time.
      listed = { of: now, bySha256: new Map(listReleases(now, ANY_TIME).artifacts.map((a) => [a.sha256, a])) };
    }
    return listed.bySha256.get(sha256);
  }

  /**
   * The piece list of a file that is the artifact; undefined when it is not. Measured once as long as it is the same.
   * @throws UpdateError when it cannot be measured now, such as for want of file descriptors; the next call tries again
   */
  async function listOf(file: string, a: Artifact): Promise<Uint8Array | undefined> {
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile() !== true || info.size !== a.length) return undefined;
    const mark = `${a.sha256} ${info.ino} ${info.mtimeMs}`;
    const known = measured.get(mark);
    if (known !== undefined) return await known;
    const [oldest] = measured.keys();
    if (measured.size >= MAX_MEASURED && oldest !== undefined) measured.delete(oldest);
    const measuring = measureList(file, a);
    measured.set(mark, measuring);
    try {
      return await measuring;
    } catch (e) {
      // That says nothing about the file.
      if (measured.get(mark) === measuring) measured.delete(mark);
      throw e;
    }
  }

  async function measureList(file: string, a: Artifact): Promise<Uint8Array | undefined> {
    const { digests, pieces } = await measureFile(file, { signal });
    return isSameBytes(digests, a) ? pieces : undefined;
  }

  async function wholeOf(file: string, a: Artifact): Promise<Holding | undefined> {
    const list = await listOf(file, a).catch(() => undefined); // as good as not here
    if (list === undefined) return undefined;
    return {
      length: a.length,
      pieces: { has: () => true },
      pieceList: list.length > 0 ? list : undefined,
      read: (first, count) => readPieces(file, a.length, first, count),
    };
  }

  return {
    async find(sha256) {
      const a = artifactOf(sha256);
      if (a === undefined) return undefined;
      const whole = await wholeOf(join(home.packagesDir, a.name), a);
      return whole ?? await partOf(await (tree ??= createPieceTree()), join(home.partialDir, sha256), a);
    },
  };
}

/** Without a list that leads to the signed digest nobody has proven these pieces: they are not passed on. */
async function partOf(tree: PieceTree, stem: string, { length, blake3 }: Artifact): Promise<Holding | undefined> {
  const count = pieceCount(length);
  if (pieceListBytes(length) === 0) return undefined; // a file of one piece is whole or not here
  const bytes = await readFileIfThere(`${stem}.map`, pieceMapBytes(count)).catch(() => undefined);
  const map = bytes === undefined ? undefined : readPieceMap(bytes, count);
  if (map === undefined) return undefined;
  if (tree.rootOf(map.values) !== blake3) return undefined;
  return {
    length,
    pieces: { has: (i) => map.marks[i] === 1 },
    pieceList: map.values,
    async *read(first, n) {
      for (let i = first; i < first + n; i++) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, length - i * PIECE_BYTES));
        let at = 0;
        for await (const chunk of readPieces(`${stem}.part`, length, i, 1)) {
          piece.set(chunk, at);
          at += chunk.length;
        }
        // A mark is only what an earlier run said of it.
        const isRight = tree.pieceValue(piece, i).every((byte, at) => byte === map.values[i * VALUE_BYTES + at]);
        if (!isRight) throw new Error(`piece ${i} is not what its mark says`);
        yield piece;
      }
    },
  };
}

/** Bytes of some pieces of a file; each chunk until the next is asked for. @throws Error when it has fewer */
export async function* readPieces(
  file: string,
  length: number,
  first: number,
  count: number,
): AsyncGenerator<Uint8Array> {
  const handle = await openFile(file);
  const begin = first * PIECE_BYTES, end = Math.min((first + count) * PIECE_BYTES, length);
  // One is filled while the other is sent. What was read of them is all that leaves.
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - begin)));
  let filling: Promise<Buffer> | undefined;

  async function fill(at: number): Promise<Buffer> {
    const [buffer = Buffer.alloc(0)] = buffers;
    buffers.reverse();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw new Error("the file became shorter");
    return buffer.subarray(0, bytesRead);
  }

  try {
    filling = fill(begin);
    for (let at = begin; at < end;) {
      const chunk = await filling;
      at += chunk.length;
      if (at < end) filling = fill(at);
      filling.catch(() => {}); // told when it is waited for
      yield chunk;
    }
  } finally {
    await filling?.catch(() => {}); // it still writes into memory of ours
    await handle.close();
  }
}
