// Piece stores for tests: in folders of their own, with a thread and without, filled from bytes in memory.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Artifact, Verified } from "../../src/api.ts";
import { openPieceStore, type PieceStore } from "../../src/fetch/piece-store.ts";
import { type StoreHost, storeThreadsOfHost } from "../../src/fetch/store-thread.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { artifactOf, pieceListOf } from "./artifact.ts";
import { tempFolder } from "./temp-folder.ts";

export const { signal } = new AbortController();

const { start } = storeThreadsOfHost();

/** Whatever the size of the artifact. */
export const STORE_HOSTS: Record<string, StoreHost> = {
  "a thread of its own": { minBytes: 0, start },
  "this thread": { minBytes: Infinity, start },
};

export interface StorePlace {
  readonly artifact: Verified<Artifact>;
  readonly bytes: Uint8Array;
  /** Of the artifact; empty for one piece. */
  readonly list: Uint8Array;
  readonly partialDir: string;
  /** Paths of what lies in it. */
  readonly part: string;
  readonly map: string;
  open(o?: { onHashing?: (bytes: number) => void; signal?: AbortSignal; host?: StoreHost }): Promise<PieceStore>;
  /** Closes all stores and removes the folder. */
  remove(): Promise<void>;
}

/** A folder with nothing in it. @param parent where to make it */
export async function storePlace(bytes: Uint8Array, host: StoreHost, parent?: string): Promise<StorePlace> {
  const artifact = await artifactOf(bytes);
  const partialDir = tempFolder("store", parent);
  const stores: PieceStore[] = [];
  return {
    artifact,
    bytes,
    list: await pieceListOf(bytes),
    partialDir,
    part: join(partialDir, `${artifact.sha256}.part`),
    map: join(partialDir, `${artifact.sha256}.map`),
    async open(o = {}) {
      const store = await openPieceStore({ artifact, partialDir, signal, ...o }, o.host ?? host);
      stores.push(store);
      return store;
    },
    async remove() {
      await Promise.all(stores.map((store) => store.close()));
      rmSync(partialDir, { recursive: true, force: true });
    },
  };
}

/** The bytes of a piece. */
export function pieceOf(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
}

/** Puts a piece of `bytes` as a source would have given it. */
export async function putPiece(store: PieceStore, bytes: Uint8Array, index: number): Promise<boolean> {
  const buffer = await store.takeBuffer({ signal });
  buffer.set(pieceOf(bytes, index));
  return await store.put(index, buffer);
}

/** The pieces that are held. */
export function heldOf(store: PieceStore): number[] {
  return Array.from({ length: store.pieceCount }, (_, index) => index).filter((index) => store.has(index));
}
