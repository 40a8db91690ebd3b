// HTTPS mirrors: metadata of a release repository, and artifacts from one or from any URL template.
// Design: "Release repository" of docs/formats.md. Everything that arrives here is untrusted.
// Must not: prove anything, follow redirects itself (the client judges every hop), hold more than one chunk.

import type { Artifact, Mirror, Opts, Source, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { HttpClient, HttpResponse } from "../net/http-client.ts";
import { artifactUrl, fileUrl, isTemplate, mirrorId, parseMirrorUrl } from "./mirror-url.ts";

export { isTemplate, parseMirrorUrl };

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
  return { id, kind: "https", priority, read: (a, offset, o) => readArtifact(id, url, client, a, offset, o) };
}

async function* readArtifact(
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
    let skip = leadingBytes(id, response, a, offset);
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

/** Judges the head of an answer: how many bytes of its body come before the offset that was asked for. */
function leadingBytes(id: string, response: HttpResponse, a: Artifact, offset: number): number {
  const { status } = response;
  if (status !== 200 && status !== 206 && status !== 416) throw statusError(id, response);
  const range = status === 200 ? undefined : parseContentRange(response.headers["content-range"]);
  if (range?.total !== undefined && range.total !== a.length) throw wrongSize(id, range.total, a.length);
  if (status === 416) throw statusError(id, response);
  if (status === 206 && (offset === 0 || range?.first !== offset || range.last !== a.length - 1)) {
    throw new UpdateError("E_HTTP_STATUS", `${id} answered with another range than the one asked for`, { source: id });
  }
  const skipped = status === 200 ? offset : 0;
  const total = contentLength(response);
  if (total !== undefined && total !== a.length - offset + skipped) {
    throw wrongSize(id, total + offset - skipped, a.length);
  }
  return skipped;
}

// RFC 9110, section 14.4: "bytes 5-9/10", "bytes 5-9/*", or "bytes */10" with status 416.
function parseContentRange(value: string | undefined) {
  const [, first, last, total] = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/.exec(value ?? "") ?? [];
  return { first: numberOf(first), last: numberOf(last), total: numberOf(total) };
}

const numberOf = (digits: string | undefined): number | undefined => digits === undefined ? undefined : Number(digits);

function contentLength(response: HttpResponse): number | undefined {
  const value = response.headers["content-length"];
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** RFC 9112, section 6.3, the last case. */
function isEndedByClosing(response: HttpResponse): boolean {
  return response.headers["content-length"] === undefined && response.headers["transfer-encoding"] === undefined;
}

// Object stores answer 403 for what is absent to whoever may not list it.
const ABSENT = new Set([403, 404, 410]);

/** What a status other than the one asked for says. */
export function statusError(id: string, { status }: HttpResponse): UpdateError {
  return ABSENT.has(status)
    ? new UpdateError("E_ABSENT", `${id} does not have it (status ${status})`, { source: id })
    : new UpdateError("E_HTTP_STATUS", `${id} answered with status ${status}`, { source: id });
}

function wrongSize(id: string, bytes: number, signed: number): UpdateError {
  return new UpdateError("E_SIZE_MISMATCH", `${id} answered with ${bytes} bytes, the signed size is ${signed}`, {
    source: id,
    hint: "it may be an error page or another release; another mirror may have the right one",
  });
}

function tooLarge(id: string, path: string, maxBytes: number): UpdateError {
  const what = JSON.stringify(path.slice(0, 200));
  return new UpdateError("E_TOO_LARGE", `${id}: ${what} is larger than the ${maxBytes} bytes allowed`, { source: id });
}

async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  error: () => UpdateError,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw error();
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
