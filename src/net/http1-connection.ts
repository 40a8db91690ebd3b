// One connection that speaks HTTP/1.1: one request at a time, kept for the next. RFC 9112, section 9.
// Design: "The network" of docs/architecture.md. Must not: decide about a request again, know where it came from.

import { UpdateError } from "../errors.ts";
import type { Connected } from "./connect.ts";
import type { AnswerSink, ConnectionOwner, HttpConnection, Request } from "./connection.ts";
import { type AnswerParser, createAnswerParser } from "./http1-parser.ts";
import type { Chunk } from "./receive-buffer.ts";

export function createHttp1Connection({ socket, flow, receive }: Connected, owner: ConnectionOwner): HttpConnection {
  let current: { readonly sink: AnswerSink; readonly parser: AnswerParser } | undefined;
  let requests = 0;
  let isUnanswered = false; // no byte came since the request
  let isGone = false;
  let parsed: Chunk["owner"] = "runtime"; // whose memory is parsed

  function leave(): void {
    if (isGone) return;
    isGone = true;
    owner.onGone(connection);
    socket.destroy();
  }

  function fail(e: unknown): void {
    const failed = current;
    current = undefined;
    leave();
    failed?.sink.onFailure(e, isUnanswered && requests > 1);
  }

  receive.deliver = (chunk) => {
    if (current === undefined) return leave(); // a server that speaks without being asked
    isUnanswered = false;
    parsed = chunk.owner;
    try {
      if (!current.parser.push(chunk.bytes)) leave(); // bytes that nobody asked for
    } catch (e) {
      fail(e);
    }
  };

  receive.room = () => current?.parser.isInBody() === true ? current.sink.room() : undefined;

  socket.on("end", () => {
    try {
      current?.parser.finish();
      leave();
    } catch (e) {
      fail(e);
    }
  });
  socket.on("error", fail);
  socket.on("close", () => fail(lost()));

  const connection: HttpConnection = {
    send(request, sink) {
      const own = {
        sink,
        parser: createAnswerParser(request.host, {
          onHead: sink.onHead,
          onBody: (bytes) => sink.onBytes({ bytes, owner: parsed }),
          onEnd(canReuse) {
            current = undefined;
            sink.onEnd();
            if (!canReuse) return leave();
            flow.resume(); // the last request may have been held back
            flow.unref();
            owner.onIdle(connection);
          },
        }),
      };
      current = own;
      isUnanswered = true;
      requests++;
      if (isGone) queueMicrotask(() => fail(lost()));
      flow.ref();
      socket.write(headOf(request));
      if (request.body !== undefined) socket.write(request.body);
      return {
        pause: () => void (current === own && flow.pause()),
        resume: () => void (current === own && flow.resume()),
        cancel() {
          if (current !== own) return;
          current = undefined;
          leave();
        },
      };
    },
    retire: () => void (current === undefined && leave()),
    destroy: fail,
  };
  return connection;
}

const lost = () => Object.assign(new Error("closed"), { code: "ECONNRESET" });

function headOf({ path, host, headers, body }: Request): string {
  const lines = [`${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1`, `host: ${host}`];
  if (body !== undefined) lines.push(`content-length: ${body.length}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  // Built from parsed URLs and our own headers; a line break in them would be another request.
  if (lines.some((line) => /[\r\n\0]/.test(line))) throw new UpdateError("E_INTERNAL", "a line break in a header");
  return `${lines.join("\r\n")}\r\n\r\n`;
}
