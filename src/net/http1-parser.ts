// Reads one HTTP/1.1 answer from the bytes of a connection. RFC 9112. What is not exactly HTTP is refused: a client that
// guesses where an answer ends can be made to take one for another. No I/O.
// Must not: look at the bytes of a body, keep more of them than a line.

import { Buffer } from "node:buffer";
import { UpdateError } from "../errors.ts";

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; a repeated header's values joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** False when nothing but the end of the connection ends the body: then a cut looks like an end. */
  readonly isDelimited: boolean;
}

export interface AnswerParts {
  onHead(head: AnswerHead): void;
  /** A view of what was pushed. */
  onBody(bytes: Uint8Array): void;
  /** @param canReuse another request may follow on the same connection */
  onEnd(canReuse: boolean): void;
}

export interface AnswerParser {
  /** What comes next are bytes of the body and nothing else. No getter: docs/decisions/0026. */
  isInBody(): boolean;
  /**
   * @returns true when all of it belongs to the answer; false when it goes on behind the end
   * @throws UpdateError E_UNREACHABLE when it is not HTTP
   */
  push(bytes: Uint8Array): boolean;
  /** The connection ended. @throws UpdateError E_UNREACHABLE when the answer has not */
  finish(): void;
}

// What most servers and clients agree on; all headers together.
const MAX_HEAD_BYTES = 16 * 1024;
// 103 comes a few times at most.
const MAX_INFORMATIONAL = 8;
// The size of a chunk and its extensions, which nobody uses.
const MAX_LINE_BYTES = 1024;

type State = "head" | "fixed" | "until-close" | "chunk-size" | "chunk-data" | "chunk-end" | "trailer" | "done";

/** @param host who answers, for messages */
export function createAnswerParser(host: string, parts: AnswerParts): AnswerParser {
  let state: State = "head";
  let text = ""; // of a head or a line that has not ended
  let left = 0; // bytes of the body, or of its chunk, to come
  let informational = 0;
  let trailerBytes = 0;
  let canReuse = false;

  const refuse = (what: string) => new UpdateError("E_UNREACHABLE", `${host}: the answer is not valid HTTP: ${what}`);

  /** Takes what is there up to `ending`. @returns how much that was; `text` is complete when the state says so */
  function collect(bytes: Uint8Array, ending: string, max: number): { taken: number; complete: boolean } {
    const known = text.length;
    const allowed = bytes.subarray(0, max + ending.length - known);
    // Nothing behind the end becomes text: a body follows a head in the same read, and text that is cut keeps all of it.
    const taken = endOf(allowed, ending) ?? allowed.length;
    text += latin1(allowed.subarray(0, taken));
    if (!text.endsWith(ending)) {
      if (text.length >= max + ending.length) throw refuse(`more than ${max} bytes of headers`);
      return { taken, complete: false };
    }
    text = text.slice(0, -ending.length);
    return { taken, complete: true };
  }

  /** Where in `bytes` the first `ending` ends, whose beginning may be in `text` already. */
  function endOf(bytes: Uint8Array, ending: string): number | undefined {
    // Longest first: where two would do, that is the one that began earlier.
    for (let known = ending.length - 1; known > 0; known--) {
      if (!text.endsWith(ending.slice(0, known))) continue;
      const missing = latin1(bytes.subarray(0, ending.length - known));
      if (missing === ending.slice(known)) return missing.length;
    }
    const at = asBuffer(bytes).indexOf(ending, 0, "latin1");
    return at === -1 ? undefined : at + ending.length;
  }

  function takeHead(bytes: Uint8Array): number {
    const { taken, complete } = collect(bytes, "\r\n\r\n", MAX_HEAD_BYTES);
    if (complete) {
      const head = parseHead(text, refuse);
      text = "";
      begin(head);
    }
    return taken;
  }

  function begin({ status, minor, headers }: ParsedHead): void {
    if (status < 200) {
      if (status === 101 || ++informational > MAX_INFORMATIONAL) throw refuse(`status ${status}`);
      return;
    }
    const coding = headers["transfer-encoding"];
    const length = headers["content-length"];
    if (coding !== undefined && (length !== undefined || coding.toLowerCase() !== "chunked")) {
      throw refuse("a transfer encoding that was not asked for");
    }
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw refuse("a length that is no number");
    const isEmpty = status === 204 || status === 304;
    const isDelimited = isEmpty || coding !== undefined || length !== undefined;
    const tokens = (headers["connection"] ?? "").toLowerCase().split(",").map((token) => token.trim());
    canReuse = minor === 1 && isDelimited && !tokens.includes("close");
    parts.onHead({ status, headers, isDelimited });
    left = isEmpty ? 0 : Number(length ?? 0);
    state = !isDelimited ? "until-close" : coding !== undefined && !isEmpty ? "chunk-size" : "fixed";
    if (state === "fixed" && left === 0) end();
  }

  function takeLine(bytes: Uint8Array): number {
    const { taken, complete } = collect(bytes, "\r\n", MAX_LINE_BYTES);
    if (!complete) return taken;
    const line = text;
    text = "";
    if (state === "trailer") {
      trailerBytes += line.length + 2;
      if (trailerBytes > MAX_HEAD_BYTES) throw refuse("too many trailers");
      if (line === "") end();
    } else if (state === "chunk-end") {
      if (line !== "") throw refuse("a chunk that is longer than it said");
      state = "chunk-size";
    } else {
      const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line) ?? [];
      if (size === undefined) throw refuse("a chunk without a size");
      left = parseInt(size, 16);
      state = left === 0 ? "trailer" : "chunk-data";
    }
    return taken;
  }

  function takeBody(bytes: Uint8Array): number {
    const taken = state === "until-close" ? bytes.length : Math.min(left, bytes.length);
    parts.onBody(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (state === "until-close") return taken;
    left -= taken;
    if (left === 0 && state === "chunk-data") state = "chunk-end";
    else if (left === 0) end();
    return taken;
  }

  function end(): void {
    state = "done";
    parts.onEnd(canReuse);
  }

  return {
    isInBody: () => state === "fixed" || state === "until-close",
    push(bytes) {
      for (let rest = bytes; rest.length > 0;) {
        if (state === "done") return false;
        const taken = state === "head"
          ? takeHead(rest)
          : state === "fixed" || state === "until-close" || state === "chunk-data"
          ? takeBody(rest)
          : takeLine(rest);
        rest = rest.subarray(taken);
      }
      return true;
    },
    finish() {
      if (state === "until-close") return end();
      if (state === "done") return;
      const what = state === "head" ? "connection lost" : "the answer ended early";
      throw new UpdateError("E_UNREACHABLE", `${host}: ${what}`);
    },
  };
}

interface ParsedHead {
  readonly status: number;
  /** Of the version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: number;
  readonly headers: Readonly<Record<string, string>>;
}

// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// deno-lint-ignore no-control-regex -- those are what must not be there (RFC 9110, section 5.5)
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

function parseHead(text: string, refuse: (what: string) => UpdateError): ParsedHead {
  const [first = "", ...lines] = text.split("\r\n");
  const [, minor, status] = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(first) ?? [];
  if (minor === undefined || CONTROL.test(text.replaceAll("\r\n", ""))) throw refuse("no status, or stray characters");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!TOKEN.test(name)) throw refuse("a header without a name");
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return { status: Number(status), minor: Number(minor), headers: Object.fromEntries(headers) };
}

/** One character a byte. */
function latin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("latin1");
}

/** The same memory. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
