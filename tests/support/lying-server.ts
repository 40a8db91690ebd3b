// Mirrors that lie about an artifact, one lie each, byte by byte over TCP.

import type { Socket } from "node:net";
import { startRawServer, type TestServer } from "./http-server.ts";

/** What a lie is made of: the true bytes, which of them the request wants, and the connection to write to. */
export interface LieContext {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** Behind the last byte that is wanted. */
  readonly end: number;
  readonly socket: Socket;
  /** How many requests came before this one. */
  readonly request: number;
}

export type Lie = (c: LieContext) => void;

/** @param list the piece list, told truly; without one there is none */
export function startLyingServer(bytes: Uint8Array, lie: Lie, list?: Uint8Array): Promise<TestServer> {
  let request = 0;
  return startRawServer((socket, head) => {
    if (/^GET \S+\.pieces HTTP/.test(head)) {
      if (list === undefined) return void socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${list.length}\r\n\r\n`);
      return void socket.end(list);
    }
    const [, first, last] = /\r\nrange: bytes=(\d+)-(\d*)\r\n/i.exec(head) ?? [];
    const end = last === undefined || last === "" ? bytes.length : Number(last) + 1;
    lie({ bytes, offset: Number(first ?? 0), end, socket, request: request++ });
  });
}

/** The head a true answer would have, and its body, or less of it, out of bytes that may be other ones. */
function answer(c: LieContext, from: Uint8Array, then: "end" | "hold" | "cut" = "end", most = Infinity): void {
  const { bytes, offset, end, socket } = c;
  const isPart = end - offset < bytes.length;
  const range = isPart ? `Content-Range: bytes ${offset}-${end - 1}/${bytes.length}\r\n` : "";
  const status = isPart ? "206 Partial Content" : "200 OK";
  socket.write(`HTTP/1.1 ${status}\r\n${range}Content-Length: ${end - offset}\r\n\r\n`);
  socket.write(from.subarray(offset, Math.min(end, offset + most)), () => {
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
export const alteredAt = (at: number): Lie => (c) => answer(c, altered(c.bytes, Math.round(at * (c.bytes.length - 1))));

/** Bytes of the right number from something else. */
export const otherBytes = (other: Uint8Array): Lie => (c) => answer(c, other);

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
export const cutAfter = (count: number): Lie => (c) => answer(c, c.bytes, "cut", count);

/** As `cutAfter`, the first time only, and with the first byte altered; then it is gone. */
export const poisonAndVanish = (count: number): Lie => (c) =>
  c.request > 0 ? void c.socket.destroy() : answer(c, altered(c.bytes, 0), "cut", count);

/** As `cutAfter`, the first time only; then it is gone. */
export const vanishAfter = (count: number): Lie => (c) =>
  c.request > 0 ? void c.socket.destroy() : answer(c, c.bytes, "cut", count);

/** Sends a part of the true bytes after the offset and then nothing. */
export const silentAfter = (count: number): Lie => (c) => answer(c, c.bytes, "hold", count);

/** One byte every few milliseconds. */
export const dripping: Lie = (c) => {
  answer(c, c.bytes, "hold", 0);
  let at = c.offset;
  const timer = setInterval(() => c.socket.write(c.bytes.subarray(at, ++at)), 20);
  c.socket.on("close", () => clearInterval(timer));
};

/** True bytes, however the request looks. */
export const truth: Lie = (c) => answer(c, c.bytes);
