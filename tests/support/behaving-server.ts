// A mirror that behaves as the shared source suite wants: honest, absent, lying, slow, dying, silent, endless, of a
// shorter file, or without ranges; from one request to the next.
// Must not: be what is measured; it holds its files in memory.

import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { byteRange, rangeHead } from "./byte-range.ts";
import { startHttp2Server, startHttpServer, type TestServer } from "./http-server.ts";
import type { Behaviour } from "./source-suite.ts";

/** A server has all of a file or nothing of it. */
type ServerBehaviour = Exclude<Behaviour, { kind: "growing" }>;

export interface BehavingServer extends TestServer {
  behave(b: ServerBehaviour): void;
}

const SLOW_CHUNK_BYTES = 1 << 14;

/** A response of either version: what is used of it here is the same. */
type AnyResponse = Pick<ServerResponse, "writeHead" | "write" | "end" | "once">;

/** @param files by URL path; @param o.http2 for a server that speaks nothing else */
export async function startBehavingServer(
  files: ReadonlyMap<string, Uint8Array>,
  o: { tls?: boolean; http2?: boolean } = {},
): Promise<BehavingServer> {
  let b: ServerBehaviour = { kind: "honest" };

  async function answer(
    request: IncomingMessage | Http2ServerRequest,
    response: AnyResponse,
    cut: () => void,
  ): Promise<void> {
    let isGone = false;
    response.once("close", () => isGone = true);
    const kept = files.get(request.url ?? ""), file = b.kind === "short" ? kept?.subarray(0, b.bytes) : kept;
    if (file === undefined || b.kind === "absent") return void response.writeHead(404).end("not here");
    const range = byteRange(b.kind === "sequential" ? undefined : request.headers.range, file.length);
    const { status, headers } = rangeHead(range, file.length);
    const body = (b.kind === "lying" ? altered(file, b.piece) : file).subarray(range.first, range.end);
    if (b.kind === "endless") delete headers["content-length"];
    response.writeHead(status, headers);
    switch (b.kind) {
      case "slow":
        for (let at = 0; at < body.length && !isGone; at += SLOW_CHUNK_BYTES) {
          response.write(body.subarray(at, at + SLOW_CHUNK_BYTES));
          await delay((SLOW_CHUNK_BYTES * 1000) / b.bytesPerSecond);
        }
        return void response.end();
      case "dying":
        return void response.write(body.subarray(0, b.afterBytes), cut);
      case "silent":
        return void response.write(body.subarray(0, b.afterBytes));
      case "endless":
        response.write(body);
        while (!isGone) {
          if (!response.write(new Uint8Array(PIECE_BYTES))) await drainedOrClosed(response);
        }
        return;
      default:
        response.end(body);
    }
  }

  const server = o.http2 === true
    ? await startHttp2Server((request, response) => {
      const cut = () => response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      answer(request, response as unknown as AnyResponse, cut).catch(cut); // its types are narrower than what it takes
    })
    : await startHttpServer((request, response) => {
      const cut = () => void response.destroy();
      answer(request, response, cut).catch(cut);
    }, o);
  return {
    ...server,
    behave(next) {
      b = next;
    },
  };
}

function altered(bytes: Uint8Array, piece: number): Uint8Array {
  const wrong = bytes.slice();
  const at = piece * PIECE_BYTES;
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return wrong;
}

function drainedOrClosed(response: AnyResponse): Promise<void> {
  return new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
}
