// An artifact over HTTP from an offset to its end, for `Source.read`; goes away with it. https-reader.ts reads pieces.
// Design: "Where the bytes go" of docs/architecture.md. Everything that arrives here is untrusted.
// Must not: prove anything, hold more than one chunk.

import type { Artifact, Opts, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { HttpClient } from "../net/http-client.ts";
import { isEndedByClosing, judgeRangeAnswer, judgeWholeAnswer } from "./http-answer.ts";
import { artifactUrl } from "./mirror-url.ts";

export async function* readToEnd(
  id: string,
  url: string,
  client: HttpClient,
  a: Verified<Artifact>,
  offset: number,
  o: Opts,
): AsyncGenerator<Uint8Array> {
  const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
  const response = await client.get(artifactUrl(url, a), { signal: o.signal, headers: range });
  try {
    let skip = 0;
    if (offset === 0) judgeWholeAnswer(id, response, a.length);
    else if (judgeRangeAnswer(id, response, { first: offset, last: a.length - 1, total: a.length }) === "whole") {
      skip = offset;
    }
    // One byte more than is wanted, so that the caller notices a body that goes on.
    let left = a.length - offset + 1;
    for await (const chunk of response.body) {
      const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, left);
      skip -= Math.min(skip, chunk.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return;
    }
    // Nothing but the end of the connection ended this body, so nothing tells a cut from an end.
    if (left > 1 && isEndedByClosing(response)) {
      throw new UpdateError("E_UNREACHABLE", `${id}: the connection ended before the body did`, { source: id });
    }
  } finally {
    response.discard();
  }
}
