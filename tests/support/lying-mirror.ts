// A mirror that is honest except where a test says otherwise: a map of files over HTTP with ranges, and answers that
// lie, stall or never end. It counts what it was asked for and what it gave.
// Must not: hold a large body in memory.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ByteRange, byteRange, rangeHead } from "./byte-range.ts";
import { startHttpServer, type TestServer } from "./http-server.ts";
import type { Files } from "./trust-client.ts";

/** One question and the means to answer it. */
export interface Question {
  /** Relative, as in a map of files: `metadata/timestamp.json`. */
  readonly path: string;
  /** First byte that is wanted; 0 without a range. */
  readonly from: number;
  /** Behind the last byte that is wanted of the honest answer. */
  readonly to: number;
  /** What is wanted of a body of that length, which a lie may have changed. */
  readonly range: (length: number) => ByteRange;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What an honest mirror would give. */
  readonly honest: Uint8Array | undefined;
}

export type Answer = (q: Question) => void | Promise<void>;

export interface LyingMirror extends TestServer {
  /** Replaces everything it serves. Keys of `lies` are paths; the empty one answers whatever no other does. */
  serve(files: Files, lies?: Readonly<Record<string, Answer>>): void;
  /** Since the last `serve`. */
  readonly questions: readonly Pick<Question, "path" | "from" | "to">[];
  /** Bytes of bodies handed to the network since the last `serve`. */
  readonly givenBytes: number;
}

export async function startLyingMirror(o: { tls?: boolean } = {}): Promise<LyingMirror> {
  let files: Files = new Map();
  let lies: ReadonlyMap<string, Answer> = new Map();
  let questions: Question[] = [];
  let givenBytes = 0;
  const server = await startHttpServer((request, response) => {
    const write = response.write.bind(response);
    response.write = ((chunk: Uint8Array, ...rest: []) => {
      givenBytes += chunk.length;
      return write(chunk, ...rest);
    }) as typeof response.write; // the answers here write bytes and nothing else
    const path = new URL(request.url ?? "", "http://localhost").pathname.slice(1); // as it is written, not decoded
    const honest = files.get(path);
    const range = (length: number) => byteRange(request.headers.range, length);
    const { first, end } = range(honest?.length ?? 0);
    const q: Question = { path, from: first, to: end, range, request, response, honest };
    questions.push(q);
    const answer = lies.get(path) ?? lies.get("") ?? honestly;
    Promise.resolve(answer(q)).catch((e) => response.destroy(e instanceof Error ? e : new Error(String(e))));
  }, o);
  return {
    ...server,
    serve(nextFiles, nextLies = {}) {
      files = nextFiles;
      lies = new Map(Object.entries(nextLies));
      questions = [];
      givenBytes = 0;
    },
    get questions() {
      return questions;
    },
    get givenBytes() {
      return givenBytes;
    },
  };
}

/** The answer of an honest mirror. */
export const honestly: Answer = (q) => {
  if (q.honest === undefined) return void q.response.writeHead(404).end();
  const { first, end } = writeHead(q, q.honest.length);
  q.response.write(q.honest.subarray(first, end));
  q.response.end();
};

/** The head of an answer from a body of that length. @returns what of it is to follow */
export function writeHead({ range, response }: Pick<Question, "range" | "response">, length: number): ByteRange {
  const wanted = range(length);
  const { status, headers } = rangeHead(wanted, length);
  response.writeHead(status, headers);
  return wanted;
}

/** Honest but for the bytes, ranges included. */
export const gives = (change: (honest: Uint8Array) => Uint8Array): Answer => (q) =>
  honestly({ ...q, honest: change(q.honest ?? new Uint8Array()) });

/** A whole body with status 200, whatever range was asked for, without saying how long it is. */
export const givesUnannounced = (change: (honest: Uint8Array) => Uint8Array): Answer => ({ response, honest }) => {
  response.writeHead(200);
  response.write(change(honest ?? new Uint8Array()));
  response.end();
};

/** Announces what was asked for and hangs up before the byte at `stop` of the whole, if that is in it. */
export const hangsUpBefore = (stop: number, change: (honest: Uint8Array) => Uint8Array = (b) => b): Answer => (q) => {
  const body = change(q.honest ?? new Uint8Array());
  const { first, end } = writeHead(q, body.length);
  const isWhole = end <= stop;
  const given = body.subarray(first, Math.max(first, Math.min(stop, end)));
  q.response.write(given, () => isWhole ? q.response.end() : q.response.destroy());
};

/** A body that is made while it is sent: so many bytes, or without an end. */
export const pours = (bytes: number, o: { announced: boolean; status?: number }): Answer => async ({ response }) => {
  response.writeHead(o.status ?? 200, o.announced ? { "content-length": bytes } : {});
  let gone = false;
  let wake = () => {};
  response.on("drain", () => wake()).on("close", () => (gone = true, wake()));
  const chunk = new Uint8Array(1 << 16).fill(0x20); // spaces: the longest valid beginning of JSON there is
  for (let given = 0; given < bytes && !gone; given += chunk.length) {
    if (!response.write(chunk)) await new Promise<void>((resolve) => wake = resolve);
  }
  response.end();
};

/** Accepts the question and never says a word. */
export const saysNothing: Answer = () => {};

/** Some honest bytes, then one more each interval; with an interval of Infinity none. */
export const drips = (o: { first: number; everyMs: number }): Answer => (q) => {
  const honest = q.honest ?? new Uint8Array();
  const { first } = writeHead(q, honest.length);
  let at = first + o.first;
  q.response.write(honest.subarray(first, at));
  if (o.everyMs === Infinity) return;
  const timer = setInterval(() => q.response.write(honest.subarray(at, ++at)), o.everyMs);
  q.response.on("close", () => clearInterval(timer));
};

/** A status with a page for people, as captive portals and content hosts send it. */
export const page = (status: number, html: string, headers: Readonly<Record<string, string>> = {}): Answer => (q) => {
  const body = new TextEncoder().encode(html);
  q.response.writeHead(status, { "content-type": "text/html", "content-length": body.length, ...headers });
  q.response.write(body);
  q.response.end();
};

export const redirects = (location: string): Answer => ({ response }) =>
  void response.writeHead(302, { location }).end();

/** Exactly these bytes in place of an answer in HTTP; then it waits, or hangs up. */
export const writesRaw = (bytes: string, then: "wait" | "hang up" = "hang up"): Answer => ({ response }) => {
  const { socket } = response;
  socket?.write(bytes, "latin1", () => then === "hang up" && socket.destroySoon());
};
