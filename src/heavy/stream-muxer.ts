// Yamux over a connection of ours, in place of the library's, which collects whole frames in lists of parts: data goes from
// a deciphered message to its stream at once. Design: docs/decisions/0025-peer-data-path.md.
// Must not: hold data, answer without a bound, or let a peer open more streams than it may.
import type { MessageStream, StreamMuxerFactory } from "@libp2p/interface";
import { AbstractStreamMuxer } from "@libp2p/utils";
import { Uint8ArrayList } from "uint8arraylist";
import { MuxedStream } from "./muxed-stream.ts";
import { RecordChannel } from "./record-channel.ts";
import {
  decodeHeader,
  encodeHeader,
  FLAG,
  FrameError,
  GO_AWAY,
  type Header,
  HEADER_BYTES,
  TYPE,
} from "./yamux-frame.ts";

export interface StreamMuxerOptions {
  readonly keepAliveIntervalMs: number;
  /** On one connection. */
  readonly maxInboundStreams: number;
  readonly maxOutboundStreams: number;
  /** Streams that the peer may open in a second, over time, and so many at once: to open one costs it 12 bytes. */
  readonly openingsPerSecond: number;
  readonly maxOpeningsAtOnce: number;
  /** Opened by the peer before anybody listens for them. */
  readonly maxEarlyStreams: number;
  readonly streams: {
    /** What a peer may have under way on one stream. */
    readonly maxWindowBytes: number;
    readonly inactivityTimeout: number;
    readonly maxReadBufferLength: number;
    readonly maxWriteBufferLength: number;
  };
}

const PROTOCOL = "/yamux/1.0.0";

/** For `streamMuxers` of the library's node. */
export function streamMuxer(o: StreamMuxerOptions): () => StreamMuxerFactory {
  return () => ({ protocol: PROTOCOL, createStreamMuxer: (connection) => new StreamMuxer(connection, o) });
}

class StreamMuxer extends AbstractStreamMuxer<MuxedStream> {
  readonly #o: StreamMuxerOptions;
  readonly #byId = new Map<number, MuxedStream>();
  readonly #isClient: boolean;
  #nextId: number;
  #isGoingAway = false;
  #pingsSent = 0;
  #isPingOpen = false;
  #openingsLeft: number;
  #openedMs = performance.now();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  /** What has come of a header. */
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  /** Of the frame of data that is coming. */
  #frame: Header | undefined;
  #left = 0;

  constructor(connection: MessageStream, o: StreamMuxerOptions) {
    super(connection, { protocol: PROTOCOL, name: "yamux", maxEarlyStreams: o.maxEarlyStreams });
    this.#o = o;
    this.#openingsLeft = o.maxOpeningsAtOnce;
    this.#isClient = connection.direction === "outbound";
    this.#nextId = this.#isClient ? 1 : 2;
    if (connection instanceof RecordChannel) connection.sink = (text) => this.#guarded(text);
    this.#keepAlive = setInterval(() => this.#ping(), o.keepAliveIntervalMs);
    connection.addEventListener("close", () => clearInterval(this.#keepAlive));
  }

  override onData(data: Uint8Array | Uint8ArrayList): void {
    for (const bytes of data instanceof Uint8Array ? [data] : data) this.#read(bytes);
  }

  #guarded(text: Uint8Array): void {
    try {
      this.#read(text);
    } catch (e) {
      const error = e instanceof Error ? e : new Error(String(e));
      this.abort(error);
      this.maConn.abort(error);
    }
  }

  /** @param bytes cut anywhere; a stream's data leads into them */
  #read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#frame === undefined) {
        const part = bytes.subarray(at, at + HEADER_BYTES - this.#headerBytes);
        this.#header.set(part, this.#headerBytes);
        this.#headerBytes += part.length;
        at += part.length;
        if (this.#headerBytes === HEADER_BYTES) this.#begin(decodeHeader(this.#header));
        continue;
      }
      const part = bytes.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      this.#byId.get(this.#frame.streamId)?.receiveData(part);
      if (this.#left === 0) this.#end(this.#frame);
    }
  }

  #begin(frame: Header): void {
    const { type, flags, streamId, length } = frame;
    this.#headerBytes = 0;
    if (streamId === 0) {
      if (type === TYPE.ping) return this.#onPing(flags, length);
      if (type === TYPE.goAway) return this.#onGoAway(length);
      throw new FrameError(`a frame of type ${type} without a stream`);
    }
    if (type !== TYPE.data && type !== TYPE.windowUpdate) throw new FrameError(`a stream's frame of type ${type}`);
    if ((flags & FLAG.syn) !== 0) this.#onOpen(streamId);
    if (type === TYPE.windowUpdate) {
      this.#byId.get(streamId)?.growSendWindow(length);
      return this.#end(frame);
    }
    // Data of a stream that has gone was sent before its sender knew; it could have sent as much as a window has.
    const stream = this.#byId.get(streamId);
    if (stream === undefined && length > this.#o.streams.maxWindowBytes) {
      throw new FrameError("a frame beyond any window");
    }
    stream?.announceData(length);
    this.#frame = frame;
    this.#left = length;
    if (length === 0) this.#end(frame);
  }

  #end({ flags, streamId }: Header): void {
    this.#frame = undefined;
    const stream = this.#byId.get(streamId);
    if ((flags & FLAG.fin) !== 0) stream?.onRemoteCloseWrite();
    if ((flags & FLAG.rst) !== 0) stream?.onRemoteReset();
  }

  #onPing(flags: number, value: number): void {
    if (flags === FLAG.syn) {
      this.sendFrame({ type: TYPE.ping, flags: FLAG.ack, streamId: 0, length: value });
    } else if (flags === FLAG.ack && this.#isPingOpen && value === this.#pingsSent) {
      this.#isPingOpen = false;
    } else {
      throw new FrameError("an answer to no ping");
    }
  }

  /** Keeps the connection from looking idle; a peer that is gone is noticed by the socket's time-out. */
  #ping(): void {
    if (this.#isPingOpen || this.status !== "open") return;
    this.#isPingOpen = true;
    this.sendFrame({ type: TYPE.ping, flags: FLAG.syn, streamId: 0, length: ++this.#pingsSent });
  }

  #onGoAway(reason: number): void {
    this.#isGoingAway = true;
    if (reason === GO_AWAY.normal) this.onTransportClosed();
    else this.abort(new Error("the peer has ended the connection"));
  }

  #onOpen(streamId: number): void {
    if (this.#isClient === (streamId % 2 === 1)) throw new FrameError("a stream of the other side's numbers");
    if (this.#byId.has(streamId)) throw new FrameError("a stream that is open already");
    const mayOpen = this.#mayOpen();
    if (this.#isGoingAway || !mayOpen || this.#count("inbound") >= this.#o.maxInboundStreams) {
      return void this.sendFrame({ type: TYPE.windowUpdate, flags: FLAG.rst, streamId, length: 0 });
    }
    this.onRemoteStream(this.#create(streamId, "inbound"));
  }

  /** @throws FrameError when the peer was refused as many as it may open at once, and goes on */
  #mayOpen(): boolean {
    const nowMs = performance.now(), gained = (nowMs - this.#openedMs) / 1000 * this.#o.openingsPerSecond;
    this.#openingsLeft = Math.min(this.#openingsLeft + gained, this.#o.maxOpeningsAtOnce);
    this.#openedMs = nowMs;
    this.#openingsLeft--;
    if (this.#openingsLeft < -this.#o.maxOpeningsAtOnce) throw new FrameError("streams without end");
    return this.#openingsLeft >= 0;
  }

  override onRemoteStream(stream: MuxedStream): void {
    super.onRemoteStream(stream);
    this.#isNext(stream);
  }

  override async createStream(): Promise<MuxedStream> {
    const stream = await super.createStream();
    this.#isNext(stream);
    return stream;
  }

  override onCreateStream(): MuxedStream {
    if (this.#isGoingAway) throw new Error("the connection is ending");
    if (this.#count("outbound") >= this.#o.maxOutboundStreams) throw new Error("too many streams on one connection");
    const stream = this.#create(this.#nextId, "outbound");
    this.#nextId += 2;
    queueMicrotask(() => {
      if (stream.status === "open") stream.sendOpening(); // when whoever called has it
    });
    return stream;
  }

  #create(streamId: number, direction: "inbound" | "outbound"): MuxedStream {
    const { maxWindowBytes, ...limits } = this.#o.streams;
    const id = String(streamId), log = this.log.newScope(`${direction}:${id}`);
    const stream = new MuxedStream({ ...limits, maxWindowBytes, id, streamId, direction, log, sender: this });
    this.#byId.set(streamId, stream);
    stream.addEventListener("close", () => this.#byId.delete(streamId), { once: true });
    return stream;
  }

  #count(direction: "inbound" | "outbound"): number {
    let count = 0;
    for (const stream of this.#byId.values()) if (stream.direction === direction) count++;
    return count;
  }

  takesData(): boolean {
    return !this.maConn.writableNeedsDrain; // it seals what it is given at once then, and whatever waited before it
  }

  /** What is new has a short question or answer as a rule, and others may fill the line for minutes. */
  #isNext(stream: MuxedStream): void {
    if (stream.status === "open") this.streams = [stream, ...this.#without(stream)];
  }

  hadTurn(stream: MuxedStream): void {
    if (stream.status === "open") this.streams = [...this.#without(stream), stream];
  }

  // Another list each time: the one of before may be gone through just now, and nobody is to be left out.
  #without(stream: MuxedStream): MuxedStream[] {
    return this.streams.filter((other) => other !== stream);
  }

  sendFrame(header: Header, data?: Uint8ArrayList): boolean {
    const bytes = encodeHeader(header);
    return this.send(data === undefined ? bytes : new Uint8ArrayList(bytes, data));
  }

  override async close(o: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.status !== "open") return;
    await super.close(o);
    this.#goAway(GO_AWAY.normal);
  }

  override abort(e: Error): void {
    if (this.status !== "open") return;
    super.abort(e);
    this.#goAway(e instanceof FrameError ? GO_AWAY.protocolError : GO_AWAY.internalError);
  }

  #goAway(reason: number): void {
    this.#isGoingAway = true;
    clearInterval(this.#keepAlive);
    if (this.maConn.status !== "open") return;
    this.sendFrame({ type: TYPE.goAway, flags: 0, streamId: 0, length: reason });
  }
}
