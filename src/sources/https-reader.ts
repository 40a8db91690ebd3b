// The pieces of one artifact at one HTTPS mirror: a range request for each run of pieces, over kept-alive connections.
// Design: "The network" of docs/architecture.md. Everything that arrives here is untrusted.
// Must not: prove anything, retry, decide how many reads run at a time.

import { createAbortScope } from "../abortable.ts";
import type { Artifact, PieceReader, ReadOpts, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { pieceListBytes } from "../hash/piece-tree.ts";
import { createTrail, type HttpClient, type HttpResponse } from "../net/http-client.ts";
import { readBounded } from "../net/read-bounded.ts";
import { contentLength, judgeRangeAnswer, judgeWholeAnswer, statusError } from "./http-answer.ts";
import { artifactUrl, pieceListUrl } from "./mirror-url.ts";

export interface HttpsReaderOptions {
  /** Of the mirror, for messages and blame. */
  readonly id: string;
  /** Of the mirror; may be a template. */
  readonly url: string;
  readonly client: HttpClient;
  readonly artifact: Verified<Artifact>;
}

/** A mirror has all or nothing. */
const ALL = { has: () => true };

export function createHttpsReader({ id, url, client, artifact }: HttpsReaderOptions): PieceReader {
  const total = artifact.length;
  const scope = createAbortScope();
  const trail = createTrail(); // code hosts redirect twice, which each range would pay for
  let isSequential = false;

  async function* read(first: number, count: number, o: ReadOpts): AsyncGenerator<Uint8Array> {
    const range = { first: first * PIECE_BYTES, last: Math.min((first + count) * PIECE_BYTES, total) - 1, total };
    if (isSequential && first > 0) throw sequential(id);
    // Who wants everything, or has to take everything, need not confuse a server with a range.
    const isWhole = isSequential || (first === 0 && range.last === total - 1);
    const headers = isWhole ? {} : { range: `bytes=${range.first}-${range.last}` };
    const { signal, release } = scope.follow(o.signal);
    let response: HttpResponse | undefined;
    try {
      response = await client.get(artifactUrl(url, artifact), { ...o, signal, headers, trail });
      const body = isWhole ? judgeWholeAnswer(id, response, total) : judgeRangeAnswer(id, response, range);
      // Where ranges are broken the file may be right all the same.
      if (body !== "part" && !isWhole) isSequential = true;
      if (body === "broken" || (body === "whole" && first > 0)) throw sequential(id);
      // Where the body ends with the range one byte more is read, so that the caller notices one that goes on.
      const spare = body === "whole" && range.last < total - 1 ? 0 : 1;
      let left = range.last - range.first + 1 + spare;
      for await (const chunk of response.body) {
        const wanted = chunk.length > left ? chunk.subarray(0, left) : chunk;
        left -= wanted.length;
        yield wanted;
        if (left === 0) return;
      }
      // Nothing but the end of the connection ended this body, so nothing tells a cut from an end.
      if (left > spare && !response.isDelimited) {
        throw new UpdateError("E_UNREACHABLE", `${id}: the connection ended before the body did`, { source: id });
      }
    } finally {
      response?.discard();
      release();
    }
  }

  async function pieceList(signal: AbortSignal): Promise<Uint8Array> {
    const listBytes = pieceListBytes(total);
    if (listBytes === 0) {
      throw new UpdateError("E_ABSENT", "an artifact of one piece has no piece list", { source: id });
    }
    let response: HttpResponse | undefined;
    try {
      response = await client.get(pieceListUrl(url, artifact), { signal });
      if (response.status !== 200) throw statusError(id, response);
      const wrong = (bytes: number | string) =>
        new UpdateError("E_SIZE_MISMATCH", `${id} has a piece list of ${bytes} bytes, it must be ${listBytes}`, {
          source: id,
        });
      const announced = contentLength(response);
      if (announced !== undefined && announced !== listBytes) throw wrong(announced);
      const list = await readBounded(response.body, listBytes, () => wrong("more"));
      if (list.length !== listBytes) throw wrong(list.length);
      return list;
    } finally {
      response?.discard();
    }
  }

  return {
    get isSequential() {
      return isSequential;
    },
    have: () => ALL,
    async *changed() {}, // never
    read,
    pieceList: (o) => scope.during(o.signal, pieceList),
    close() {
      scope.abort(new UpdateError("E_INTERRUPTED", `${id}: nobody reads it any more`));
      return Promise.resolve();
    },
  };
}

function sequential(id: string): UpdateError {
  return new UpdateError("E_HTTP_STATUS", `${id} has no ranges that are right: it is read from the beginning only`, {
    source: id,
  });
}
