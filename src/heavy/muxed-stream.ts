// One stream of a connection: the library's, with windows, over frames that the muxer sends.
// Design: docs/decisions/0025-peer-data-path.md. Must not: let a peer send more than its window, or send more than ours.
import type { AbortOptions } from "@libp2p/interface";
import { AbstractStream, type AbstractStreamInit, type SendResult } from "@libp2p/utils";
import type { Uint8ArrayList } from "uint8arraylist";
import { release } from "./release.ts";
import { FLAG, FrameError, type Header, HEADER_BYTES, INITIAL_WINDOW_BYTES, TYPE } from "./yamux-frame.ts";

/** What a stream needs of its connection. */
export interface FrameSender {
  /** The connection takes data at once; others wait until it drains. */
  takesData(): boolean;
  /** @returns false when the connection is full now; the frame was sent all the same */
  sendFrame(header: Header, data?: Uint8ArrayList): boolean;
  /** It has sent data: when the connection drains, others send before it. */
  hadTurn(stream: MuxedStream): void;
}

export interface MuxedStreamInit extends AbstractStreamInit {
  readonly streamId: number;
  readonly sender: FrameSender;
  readonly maxWindowBytes: number;
}

/** Others take a connection's time as well: no frame is longer. */
const MAX_FRAME_BYTES = 256 << 10;

/** Questions and messages are shorter, and do not wait behind the pieces of other streams for each of their parts. */
const TURN_BYTES = 16 << 10;

export class MuxedStream extends AbstractStream {
  readonly streamId: number;
  readonly #sender: FrameSender;
  readonly #maxWindowBytes: number;
  /** Sent with our next frame: the stream's opening, or the answer to it. */
  #flags: number;
  /** So much may be sent. */
  #sendWindow = INITIAL_WINDOW_BYTES;
  /** So much may come. */
  #receiveWindow = INITIAL_WINDOW_BYTES;
  /** Of data, since others were let before it. */
  #turnBytes = 0;

  constructor(init: MuxedStreamInit) {
    super(init);
    this.streamId = init.streamId;
    this.#sender = init.sender;
    this.#maxWindowBytes = init.maxWindowBytes;
    this.#flags = this.direction === "outbound" ? FLAG.syn : FLAG.ack;
    this.addEventListener("drain", () => this.#mayUpdateWindow());
  }

  /** Tells the peer of this stream. */
  sendOpening(): void {
    this.#sendWindowUpdate(this.#maxWindowBytes);
  }

  #sendWindowUpdate(windowBytes: number): void {
    const length = windowBytes - this.#receiveWindow;
    this.#receiveWindow = windowBytes;
    this.#send(TYPE.windowUpdate, length);
  }

  /** @throws FrameError when the peer sends more than it may */
  announceData(byteCount: number): void {
    if (byteCount > this.#receiveWindow) throw new FrameError("a peer sends more than its window");
    this.#receiveWindow -= byteCount;
  }

  /** Of announced data: the peer may send more when it was taken. */
  receiveData(bytes: Uint8Array): void {
    this.onData(bytes);
    this.#mayUpdateWindow();
  }

  #mayUpdateWindow(): void {
    if (this.readStatus !== "readable" || this.remoteWriteStatus !== "writable") return;
    // Before it is agreed what a stream is for the library keeps what comes. And a peer that reads nothing does not learn of
    // more room: it may not have any, or what it never asked for would wait here by the mebibyte.
    const windowBytes = this.protocol === "" ? INITIAL_WINDOW_BYTES : this.#maxWindowBytes;
    if (this.#receiveWindow <= windowBytes / 2 && this.#sender.takesData()) this.#sendWindowUpdate(windowBytes);
  }

  /** @throws FrameError when it is more than a window can have */
  growSendWindow(byteCount: number): void {
    this.#sendWindow += byteCount;
    if (this.#sendWindow > 0xffff_ffff) throw new FrameError("a window of more than four gigabytes");
    if (byteCount > 0) this.safeDispatchEvent("drain");
  }

  /** Whoever took data from this stream has no more use for it, and nobody else has. */
  giveBack(bytes: Uint8Array): void {
    // Text that ends a message and has nothing but its own header before it is all of the message.
    const { buffer, byteOffset, byteLength } = bytes;
    if (byteOffset <= HEADER_BYTES && byteOffset + byteLength === buffer.byteLength) release(bytes);
  }

  override sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0, canSendMore = true;
    while (data.byteLength > 0 && canSendMore) {
      const byteCount = Math.min(data.byteLength, this.#sendWindow, MAX_FRAME_BYTES);
      if (byteCount === 0 || !this.#sender.takesData()) return { sentBytes, canSendMore: false };
      this.#sendWindow -= byteCount;
      canSendMore = this.#send(TYPE.data, byteCount, data.sublist(0, byteCount));
      this.#countTurn(byteCount);
      data.consume(byteCount);
      sentBytes += byteCount;
    }
    return { sentBytes, canSendMore };
  }

  #countTurn(byteCount: number): void {
    this.#turnBytes += byteCount;
    if (this.#turnBytes < TURN_BYTES) return;
    this.#turnBytes = 0;
    this.#sender.hadTurn(this);
  }

  #send(type: number, length: number, data?: Uint8ArrayList, flags = 0): boolean {
    const header = { type, flags: flags | this.#flags, streamId: this.streamId, length };
    this.#flags = 0;
    return this.#sender.sendFrame(header, data);
  }

  override sendReset(): void {
    this.#send(TYPE.windowUpdate, 0, undefined, FLAG.rst);
  }

  override sendCloseWrite(): Promise<void> {
    this.#send(TYPE.windowUpdate, 0, undefined, FLAG.fin);
    return Promise.resolve();
  }

  /** Yamux has no such frame: what comes is thrown away. */
  override sendCloseRead(o?: AbortOptions): Promise<void> {
    o?.signal?.throwIfAborted();
    return Promise.resolve();
  }

  /** Without updates the peer's window ends. */
  override sendPause(): void {}

  override sendResume(): void {
    this.#mayUpdateWindow();
  }
}
