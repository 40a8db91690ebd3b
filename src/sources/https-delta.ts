// Ranges of the delta files at one HTTPS mirror. Design: "Delta" of docs/formats.md. What arrives here is untrusted.
// Must not: prove anything, take a whole file for a range.

import type { HttpClient } from "../net/http-client.ts";
import { UpdateError } from "../errors.ts";
import type { FetchDeltaRange } from "./delta.ts";
import { judgeRangeAnswer } from "./http-answer.ts";
import { deltaUrl, mirrorId } from "./mirror-url.ts";

export interface HttpsDeltaOptions {
  /** Of the mirror; may be a template. */
  readonly url: string;
  readonly client: HttpClient;
}

export function fetchHttpsDelta({ url, client }: HttpsDeltaOptions): FetchDeltaRange {
  const id = mirrorId(url);
  return async function* (artifact, delta, offset, length, { signal }) {
    const asked = { first: offset, last: offset + length - 1, total: delta.length };
    const headers = { range: `bytes=${asked.first}-${asked.last}` };
    const response = await client.get(deltaUrl(url, artifact, delta), { signal, headers });
    try {
      if (response.status === 404) {
        const error = `${id} does not have the delta from ${delta.from.version}`;
        throw new UpdateError("E_ABSENT", error, { source: id });
      }
      if (judgeRangeAnswer(id, response, asked) !== "part") {
        // Taking all of it for a part would fetch it again and again.
        throw new UpdateError("E_HTTP_STATUS", `${id} has no ranges that are right, which a delta needs`, {
          source: id,
        });
      }
      yield* response.body;
    } finally {
      response.discard();
    }
  };
}
