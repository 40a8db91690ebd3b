// The frames of Yamux, version 0 (github.com/hashicorp/yamux, spec.md; libp2p's "yamux" specification).
// Must not: know streams.

export const HEADER_BYTES = 12;
/** What each side may send on a new stream; not a choice. */
export const INITIAL_WINDOW_BYTES = 256 << 10;

export const TYPE = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export const FLAG = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
export const GO_AWAY = { normal: 0, protocolError: 1, internalError: 2 } as const;

export interface Header {
  readonly type: number;
  /** Of `FLAG`. */
  readonly flags: number;
  /** 0 for the connection itself. */
  readonly streamId: number;
  /** Bytes that follow, of data; bytes more, of a window; a ping's number; a reason to go away. */
  readonly length: number;
}

/** The peer breaks the protocol: the connection ends. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

export function encodeHeader({ type, flags, streamId, length }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[1] = type;
  view.setUint16(2, flags);
  view.setUint32(4, streamId);
  view.setUint32(8, length);
  return bytes;
}

/** @throws FrameError */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes[0] !== 0) throw new FrameError(`a frame of version ${bytes[0]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return { type: bytes[1]!, flags: view.getUint16(2), streamId: view.getUint32(4), length: view.getUint32(8) };
}
