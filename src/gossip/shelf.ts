// What a node can give to others: a port. Design: docs/formats.md, "Peer protocol": a request names a digest, never a
// path. src/service/ has the one that reads the disk. Must not: have behaviour.
import type { PieceSet } from "../api.ts";

/** An artifact as it lies here, whole or on its way. */
export interface Holding {
  /** Bytes of the artifact. */
  readonly length: number;
  /** Pieces that are here by now. */
  readonly pieces: PieceSet;
  /** 32 bytes a piece; undefined when it is not known, or the artifact is one piece. */
  readonly pieceList: Uint8Array | undefined;
  /** The bytes of some pieces, which are here; each chunk until the next is asked for. @throws when they are not here any more */
  read(first: number, count: number): AsyncIterable<Uint8Array>;
}

export interface Shelf {
  /** @param sha256 of an artifact; anything may be asked for */
  find(sha256: string): Promise<Holding | undefined>;
}
