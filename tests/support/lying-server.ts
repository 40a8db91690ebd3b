// Mirrors that lie about an artifact, one lie each, byte by byte over TCP.

import type { Socket } from "node:net";
import { startRawServer, type TestServer } from "./http-server.ts";

/** What a lie is made of: the true bytes, where the request wants to begin, and the connection to write to. */
export interface LieContext {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly socket: Socket;
  /** How many requests came before this one. */
  readonly request: number;
}

export type Lie = (c: LieContext) => void;

export function startLyingServer(bytes: Uint8Array, lie: Lie): Promise<TestServer> {
  let request = 0;
  return startRawServer((socket, head) => {
    const offset = Number(/\r\nrange: bytes=(\d+)-\r\n/i.exec(head)?.[1] ?? 0);
    lie({ bytes, offset, socket, request: request++ });
  });
}

/** The head a true answer would have, and the body from the offset on as the function makes it. */
function answer({ bytes, offset, socket }: LieContext, body: Uint8Array, then: "end" | "hold" | "cut" = "end"): void {
  const range = offset > 0 ? `Content-Range: bytes ${offset}-${bytes.length - 1}/${bytes.length}\r\n` : "";
  const status = offset > 0 ? "206 Partial Content" : "200 OK";
  socket.write(`HTTP/1.1 ${status}\r\n${range}Content-Length: ${bytes.length - offset}\r\n\r\n`);
  socket.write(body, () => {
    if (then === "end") socket.end();
    if (then === "cut") socket.destroySoon();
  });
}

function chunked(socket: Socket, parts: readonly Uint8Array[], end: boolean): void {
  socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const part of parts) {
    socket.write(`${part.length.toString(16)}\r\n`);
    socket.write(part);
    socket.write("\r\n");
  }
  if (end) socket.end("0\r\n\r\n");
}

function altered(bytes: Uint8Array, at: number): Uint8Array {
  const wrong = bytes.slice();
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return wrong;
}

/** One byte is another, `at` from 0 (first) to 1 (last). */
export const alteredAt = (at: number): Lie => (c) =>
  answer(c, altered(c.bytes, Math.round(at * (c.bytes.length - 1))).subarray(c.offset));

/** Bytes of the right number from something else. */
export const otherBytes = (other: Uint8Array): Lie => (c) => answer(c, other.subarray(c.offset));

export const errorPage: Lie = ({ socket }) =>
  void socket.end("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<html>Not here.</html>");

/** Says the length of what it has, which is too little. */
export const shorter: Lie = ({ bytes, socket }) => {
  const body = bytes.subarray(0, bytes.length - 1);
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.end(body);
};

/** Ends properly before the end. */
export const endsEarly: Lie = ({ bytes, socket }) => chunked(socket, [bytes.subarray(0, bytes.length - 1)], true);

export const extraByte: Lie = ({ bytes, socket }) => chunked(socket, [bytes, Uint8Array.of(0)], true);

export const endless: Lie = ({ bytes, socket }) => {
  chunked(socket, [bytes], false);
  const more = () => {
    while (!socket.destroyed) {
      if (!socket.write(`10000\r\n${"x".repeat(0x10000)}\r\n`)) return void socket.once("drain", more);
    }
  };
  more();
};

/** Sends a part of the true bytes after the offset and closes, every time. */
export const cutAfter = (count: number): Lie => (c) => answer(c, c.bytes.subarray(c.offset, c.offset + count), "cut");

/** As `cutAfter`, the first time only, and with the first byte altered; then it is gone. */
export const poisonAndVanish = (count: number): Lie => (c) =>
  c.request > 0 ? void c.socket.destroy() : answer(c, altered(c.bytes, 0).subarray(c.offset, c.offset + count), "cut");

/** As `cutAfter`, the first time only; then it is gone. */
export const vanishAfter = (count: number): Lie => (c) =>
  c.request > 0 ? void c.socket.destroy() : answer(c, c.bytes.subarray(c.offset, c.offset + count), "cut");

/** Sends a part of the true bytes after the offset and then nothing. */
export const silentAfter = (count: number): Lie => (c) =>
  answer(c, c.bytes.subarray(c.offset, c.offset + count), "hold");

/** One byte every few milliseconds. */
export const dripping: Lie = (c) => {
  answer(c, new Uint8Array(0), "hold");
  let at = c.offset;
  const timer = setInterval(() => c.socket.write(c.bytes.subarray(at, ++at)), 20);
  c.socket.on("close", () => clearInterval(timer));
};

/** True bytes, however the request looks. */
export const truth: Lie = (c) => answer(c, c.bytes.subarray(c.offset));
