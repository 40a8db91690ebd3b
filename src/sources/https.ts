// HTTPS mirrors: metadata of a release repository, and artifacts from one or from any URL template.
// Design: "Release repository" of docs/formats.md. Everything that arrives here is untrusted.
// Must not: prove anything, follow redirects itself (the client judges every hop).

import type { Mirror, Source } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import type { HttpClient } from "../net/http-client.ts";
import { readBounded } from "../net/read-bounded.ts";
import { contentLength, statusError } from "./http-answer.ts";
import { createHttpsReader } from "./https-reader.ts";
import { fileUrl, isTemplate, mirrorId } from "./mirror-url.ts";

export interface HttpsMirrorOptions {
  /** URL of the folder that holds `metadata/`, `targets/` and `bundle.json`. */
  readonly url: string;
  readonly client: HttpClient;
}

/** A mirror's metadata. @throws UpdateError E_USAGE for a template, which has none */
export function createHttpsMirror({ url, client }: HttpsMirrorOptions): Mirror {
  const id = mirrorId(url);
  if (isTemplate(url)) throw new UpdateError("E_USAGE", `${id} is a template: it has artifacts and no metadata`);
  return {
    id,
    async fetch(path, maxBytes, o) {
      const response = await client.get(fileUrl(url, path), { signal: o.signal });
      try {
        if (response.status !== 200) throw statusError(id, response);
        if ((contentLength(response) ?? 0) > maxBytes) throw tooLarge(id, path, maxBytes);
        return await readBounded(response.body, maxBytes, () => tooLarge(id, path, maxBytes));
      } finally {
        response.discard();
      }
    },
  };
}

export interface HttpsSourceOptions extends HttpsMirrorOptions {
  /** Lower is asked first. */
  readonly priority: number;
}

/** A mirror's artifacts. `url` may be a template. */
export function createHttpsSource({ url, priority, client }: HttpsSourceOptions): Source {
  const id = mirrorId(url);
  return {
    id,
    kind: "https",
    priority,
    open(a, { signal }) {
      if (signal.aborted) return Promise.reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
      return Promise.resolve(createHttpsReader({ id, url, client, artifact: a }));
    },
  };
}

function tooLarge(id: string, path: string, maxBytes: number): UpdateError {
  const what = JSON.stringify(path.slice(0, 200));
  return new UpdateError("E_TOO_LARGE", `${id}: ${what} is larger than the ${maxBytes} bytes allowed`, { source: id });
}
