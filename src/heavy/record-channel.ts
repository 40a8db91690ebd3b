// A connection after its Noise handshake, as messages of at most 65,535 bytes, each behind its length (libp2p's Noise,
// "Wire format"). In place of the library's, which takes twice the processor's time: a message is deciphered where it was
// received, goes out in one write with others, and its memory is given back when it was used.
// Design: docs/decisions/0025-peer-data-path.md. Must not: know what the bytes mean, hold more than a message and a read.
import type { AbortOptions, MessageStream } from "@libp2p/interface";
import { AbstractMessageStream, type SendResult } from "@libp2p/utils";
import { Socket } from "node:net";
import { Uint8ArrayList } from "uint8arraylist";
import { createRecordCipher, type RecordCipher, TAG_BYTES } from "./record-cipher.ts";
import { release } from "./release.ts";

const LENGTH_BYTES = 2;
const MAX_RECORD_BYTES = 0xffff;
const MAX_TEXT_BYTES = MAX_RECORD_BYTES - TAG_BYTES;
/** Quiet connections have little memory, busy ones room for what the kernel gives at once. */
const FIRST_SLAB_BYTES = 8 << 10;
const MAX_SLAB_BYTES = 320 << 10;
/** For less than that a read costs more than to move what waits. */
const MIN_ROOM_BYTES = 128 << 10;

/** Copied more quickly than several parts are handed over. */
const MAX_JOINED_BYTES = 4 << 10;
/** What may wait to be sent to a peer that reads nothing: answers to it, as data waits in its streams. */
const MAX_WAITING_BYTES = 1 << 20;

/** The keys of both directions, 32 bytes each. */
export interface RecordKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** Whom texts are given to instead of the stream's events. The memory is the taker's. */
export type TextSink = (text: Uint8Array) => void;

export class RecordChannel extends AbstractMessageStream {
  readonly #connection: MessageStream;
  readonly #socket: Socket | undefined;
  readonly #sealing: RecordCipher;
  readonly #opening: RecordCipher;
  #slab = new Uint8Array(FIRST_SLAB_BYTES);
  /** Of the slab, what has come and was not read. */
  #start = 0;
  #end = 0;
  /** Set by whoever reads without events. */
  sink: TextSink | undefined;

  constructor(connection: MessageStream, keys: RecordKeys) {
    const { log, inactivityTimeout, maxReadBufferLength, direction } = connection;
    super({ log, inactivityTimeout, maxReadBufferLength, direction, maxWriteBufferLength: MAX_WAITING_BYTES });
    this.#connection = connection;
    // The library's TCP connections keep their socket under this name, and tell it to nobody.
    const { socket } = connection as { readonly socket?: unknown };
    this.#socket = socket instanceof Socket ? socket : undefined;
    this.#sealing = createRecordCipher(keys.send);
    this.#opening = createRecordCipher(keys.receive);
    connection.addEventListener("close", (e) => {
      if (e.error === undefined) this.onTransportClosed();
      else if (e.local === true) this.abort(e.error);
      else this.onRemoteReset();
    });
    connection.addEventListener("drain", () => this.safeDispatchEvent("drain"));
    connection.addEventListener("remoteCloseWrite", () => this.onRemoteCloseWrite());
  }

  /** What came on the connection, cut anywhere; not kept. */
  received(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.status === "open";) {
      const room = this.room();
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      at += part.length;
      this.filled(part.length);
    }
  }

  /** Memory for the next bytes of the connection; always some. */
  room(): Uint8Array<ArrayBuffer> {
    const slab = this.#slab, isFull = this.#end === slab.length;
    const isSmall = slab.length < MAX_SLAB_BYTES;
    if (isSmall ? isFull : slab.length - this.#end < MIN_ROOM_BYTES) {
      const waiting = slab.subarray(this.#start, this.#end);
      // A large one is never full of one message: what waits moves to its beginning.
      if (isSmall) this.#slab = new Uint8Array(Math.min(8 * slab.length, MAX_SLAB_BYTES));
      this.#slab.set(waiting);
      this.#start = 0;
      this.#end = waiting.length;
    }
    return this.#slab.subarray(this.#end);
  }

  /** So many bytes came into the room. */
  filled(byteCount: number): void {
    this.#end += byteCount;
    try {
      while (this.status === "open") {
        const sealed = this.#nextRecord();
        if (sealed === undefined) break;
        const text = this.#opening.open(sealed);
        if (text.length === 0) continue;
        if (this.sink === undefined || this.readBufferLength > 0) this.onData(text); // in the order in which they came
        else this.sink(text);
      }
    } catch (e) {
      this.abort(e instanceof Error ? e : new Error(String(e)));
    }
    if (this.#start === this.#end) this.#start = this.#end = 0;
  }

  #nextRecord(): Uint8Array | undefined {
    const from = this.#start + LENGTH_BYTES;
    if (from > this.#end) return undefined;
    const length = (this.#slab[this.#start]! << 8) | this.#slab[this.#start + 1]!;
    if (length < TAG_BYTES) throw new Error(`a message of ${length} bytes`);
    if (from + length > this.#end) return undefined;
    this.#start = from + length;
    return this.#slab.subarray(from, this.#start);
  }

  override sendData(data: Uint8ArrayList): SendResult {
    const sentBytes = data.byteLength;
    const out: Uint8Array[] = [];
    let parts: Uint8Array[] = [], left = MAX_TEXT_BYTES;
    for (let bytes of data) {
      while (bytes.length > 0) {
        const part = bytes.subarray(0, left);
        parts.push(part);
        left -= part.length;
        bytes = bytes.subarray(part.length);
        if (left > 0) continue;
        this.#seal(parts, out);
        parts = [];
        left = MAX_TEXT_BYTES;
      }
    }
    if (parts.length > 0) this.#seal(parts, out);
    return { sentBytes, canSendMore: this.#write(out, sentBytes) };
  }

  #seal(parts: readonly Uint8Array[], out: Uint8Array[]): void {
    const sealed = this.#sealing.seal(parts);
    const length = sealed.reduce((sum, { byteLength }) => sum + byteLength, 0);
    out.push(Uint8Array.of(length >> 8, length & 0xff), ...sealed);
  }

  /** @returns true when it takes more */
  #write(out: readonly Uint8Array[], byteCount: number): boolean {
    const socket = this.#socket;
    if (socket === undefined) return this.#connection.send(new Uint8ArrayList(...out));
    if (byteCount <= MAX_JOINED_BYTES) return socket.write(Buffer.concat(out));
    socket.cork();
    const last = out.length - 1;
    let takesMore = true;
    out.forEach((bytes, i) => takesMore = socket.write(bytes, i < last ? undefined : giveBack));
    socket.uncork();
    return takesMore;

    function giveBack(e?: Error | null): void {
      if (e === undefined || e === null) out.forEach(release);
    }
  }

  override close(o?: AbortOptions): Promise<void> {
    return this.#connection.close(o);
  }

  override sendReset(e: Error): void {
    this.#connection.abort(e);
  }

  override sendPause(): void {
    this.#connection.pause();
  }

  override sendResume(): void {
    this.#connection.resume();
  }
}
