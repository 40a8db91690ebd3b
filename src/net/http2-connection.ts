// One connection that speaks HTTP/2, for servers that speak nothing else: one request at a time, kept for the next, so
// that a read which is silent waits behind nothing of ours. RFC 9113.
// Design: docs/decisions/0014-http-clients.md. Must not: be used where HTTP/1.1 is to be had.

import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { UpdateError } from "../errors.ts";
import type { AnswerSink, ConnectionOwner, HttpConnection, InFlight, Request } from "./connection.ts";

// What the server may send before we have read it.
const WINDOW_BYTES = 1 << 20;
const MAX_HEAD_BYTES = 16 * 1024;
// The rest of an answer that is not wanted comes all the same, and before the next one: an error page may, a piece not.
const MAX_UNWANTED_BYTES = 16 * 1024;

/** @param socket over TLS, with "h2" agreed on */
export function createHttp2Connection(socket: Socket, origin: string, owner: ConnectionOwner): HttpConnection {
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES, maxHeaderListSize: MAX_HEAD_BYTES },
  });
  let failCurrent: ((e: unknown) => void) | undefined; // while a request is in flight
  let isGone = false;
  let requests = 0;

  session.once("connect", () => session.setLocalWindowSize?.(WINDOW_BYTES)); // not everywhere

  function leave(): void {
    if (isGone) return;
    isGone = true;
    owner.onGone(connection);
    if (failCurrent === undefined) session.destroy();
  }

  function fail(e: unknown): void {
    leave();
    failCurrent?.(e);
    session.destroy();
  }

  session.on("goaway", leave); // the stream that it still serves goes on
  session.on("error", fail);
  session.on("close", () => fail(lost()));

  function send({ path, host, headers, body }: Request, sink: AnswerSink): InFlight {
    const wasIdle = requests++ > 0;
    if (session.closed || session.destroyed) {
      queueMicrotask(() => sink.onFailure(lost(), wasIdle));
      return { pause() {}, resume() {}, cancel() {} };
    }
    let expected: number | undefined;
    let isOver = false;
    let hasHead = false;
    const method = body === undefined ? "GET" : "POST";
    const head = { ":method": method, ":authority": host, ":path": path, ...headers };
    const stream = session.request(head, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);

    /** @param canReuse another request may follow on the same connection */
    function settle(canReuse: boolean, tell: () => void): void {
      if (isOver) return;
      isOver = true;
      failCurrent = undefined;
      tell();
      if (isGone) return session.destroy();
      if (!canReuse) return leave();
      session.unref();
      owner.onIdle(connection);
    }
    // Only when the connection ended: a server that refuses one stream after another is not asked for ever.
    const failOne = (e: unknown) => settle(false, () => sink.onFailure(e, wasIdle && !hasHead && isGone));
    const cut = () => {
      stream.close(constants.NGHTTP2_CANCEL);
      failOne(new UpdateError("E_UNREACHABLE", `${host}: the answer ended early, or is longer than it said`));
    };

    session.ref();
    failCurrent = failOne;
    stream.on("response", (fields) => {
      hasHead = true;
      const head = headOf(fields);
      expected = /^\d{1,15}$/.test(head.headers["content-length"] ?? "")
        ? Number(head.headers["content-length"])
        : undefined;
      if (!isOver) sink.onHead({ ...head, isDelimited: true });
      listen(); // not before: Deno tells of bytes first
    });
    const listen = () => {
      stream.on("data", (bytes: Uint8Array) => {
        if (expected !== undefined) expected -= bytes.length;
        if (expected !== undefined && expected < 0) cut();
        else if (!isOver) sink.onBytes({ bytes, owner: "runtime" });
      });
      stream.on("end", () => {
        if (stream.rstCode > 0 || (expected ?? 0) > 0) return cut();
        settle(true, () => sink.onEnd());
      });
    };
    stream.on("error", failOne);
    stream.on("close", () => failOne(lost()));
    return {
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      cancel: () => settle(hasHead && (expected ?? Infinity) <= MAX_UNWANTED_BYTES, () => giveUp(stream)),
    };
  }

  const connection: HttpConnection = { send, retire: leave, destroy: fail };
  return connection;
}

function giveUp(stream: ClientHttp2Stream): void {
  stream.on("error", () => {}); // nobody is left to be told
  stream.close(constants.NGHTTP2_CANCEL);
}

function headOf(fields: IncomingHttpHeaders & { readonly ":status"?: number | undefined }) {
  const headers = Object.entries(fields)
    .filter(([name]) => !name.startsWith(":"))
    .map(([name, value]): [string, string] => [name, Array.isArray(value) ? value.join(", ") : value ?? ""]);
  return { status: fields[":status"] ?? 0, headers: Object.fromEntries(headers) };
}

const lost = () => Object.assign(new Error("closed"), { code: "ECONNRESET" });
