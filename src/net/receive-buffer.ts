// The memory that a connection receives into. A runtime that allocates for each read spends more time on that than on
// reading: here the kernel writes into a few slabs that are used again as soon as nobody reads what is in them.
// Design: docs/decisions/0014-http-clients.md. Must not: know HTTP; give memory out again that somebody still reads.

import type { OnReadOpts } from "node:net";

/** A stretch of memory, and how many chunks of it are still read. */
export interface Slab {
  readonly bytes: Uint8Array<ArrayBuffer>;
  held: number;
}

/** Bytes from the network. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** Whose memory it is: one of ours, in whose `held` counts itself who keeps the chunk; or somebody else's. */
  readonly owner: Slab | "reader" | "runtime";
}

export interface ReceiveBuffer {
  /** For `connect` of node:net and node:tls. */
  readonly onread: OnReadOpts;
  /** Where chunks go; may be replaced at any time. */
  deliver: (chunk: Chunk) => void;
  /** Memory of the reader that the next bytes may go to; may be replaced at any time, and is asked before each read. */
  room: () => Uint8Array<ArrayBuffer> | undefined;
}

// Less than that costs more reads; more only memory.
const SLAB_BYTES = 64 * 1024;
// What remains of a slab is not read into: reads as small as that cost more than they bring.
const MIN_READ_BYTES = 16 * 1024;
// What a body lets wait (body.ts), in slabs that are not full; one that is read, and one that is filled. With fewer a
// connection whose reader is slow makes new ones all the time. Who keeps what he gets gets new ones.
const MAX_SLABS = 6;
// For less room than that a read costs more than the copy.
const MIN_ROOM_BYTES = 8 * 1024;

export function createReceiveBuffer(): ReceiveBuffer {
  let slabs: Slab[] = [];
  let slab: Slab | undefined;
  let at = 0; // of the slab, what was read into

  function nextSlab(): Slab {
    const free = slabs.find((s) => s.held === 0);
    if (free !== undefined) return free;
    const made = { bytes: new Uint8Array(SLAB_BYTES), held: 0 };
    slabs = [made, ...slabs.slice(0, MAX_SLABS - 1)];
    return made;
  }

  /** The memory for the next read. */
  function memory(): Uint8Array<ArrayBuffer> {
    const room = receive.room();
    if (room !== undefined && room.length >= MIN_ROOM_BYTES) return room;
    if (slab === undefined || (slab.held > 0 && SLAB_BYTES - at < MIN_READ_BYTES)) {
      slab = nextSlab();
      at = 0;
    } else if (slab.held === 0) {
      at = 0;
    }
    return slab.bytes.subarray(at);
  }

  const receive: ReceiveBuffer = {
    deliver: () => {},
    room: () => undefined,
    onread: {
      buffer: memory,
      callback(byteCount, memory) {
        const bytes = memory.subarray(0, byteCount);
        if (slab === undefined || memory.buffer !== slab.bytes.buffer) {
          receive.deliver({ bytes, owner: "reader" });
        } else {
          at = memory.byteOffset + byteCount;
          receive.deliver({ bytes, owner: slab });
        }
        return true;
      },
    },
  };
  return receive;
}
