// What a connection to a server can do, whichever version of HTTP it speaks. Design: "The network" of
// docs/architecture.md. Must not: hold any behaviour.

import type { AnswerHead } from "./http1-parser.ts";
import type { Chunk } from "./receive-buffer.ts";

export interface Request {
  /** With the query; the whole URL for a proxy that is asked for plain http. */
  readonly path: string;
  /** Host and port that are asked for. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST; without it the request is a GET. A question: it may be sent again when nobody took it. */
  readonly body?: Uint8Array | undefined;
}

/** Who is told of an answer: of its head, its bytes, and its end or failure, in this order. */
export interface AnswerSink {
  onHead(head: AnswerHead): void;
  onBytes(chunk: Chunk): void;
  /** Where the next bytes of the answer belong, if the reader has a place for them. */
  room(): Uint8Array<ArrayBuffer> | undefined;
  onEnd(): void;
  /** @param wasIdle the server ended the connection before it saw the request: another connection may do */
  onFailure(e: unknown, wasIdle: boolean): void;
}

/** A request that was sent. */
export interface InFlight {
  pause(): void;
  resume(): void;
  /** Nobody wants the answer, or the rest of it. The sink hears nothing more. */
  cancel(): void;
}

export interface HttpConnection {
  /** Sends a request, one at a time; the sink hears of it later, never during the call. */
  send(request: Request, sink: AnswerSink): InFlight;
  /** Takes no more requests; those in flight go on. */
  retire(): void;
  /** Takes no more requests; those in flight fail with the error. */
  destroy(e: unknown): void;
}

/** Whoever opened a connection is told what becomes of it. */
export interface ConnectionOwner {
  /** It can take another request. */
  onIdle(connection: HttpConnection): void;
  /** It takes no more. */
  onGone(connection: HttpConnection): void;
}
