// Requests and answers between peers, as text lines in frames. Design: docs/formats.md, "Peer protocol".
// One request a stream: a frame with a line, answered by a frame with a line and, where it says so, that many bytes.
// Must not: open anything; what a request may cost is decided where it is served.
import { UpdateError } from "../errors.ts";
import type { ByteStream } from "./byte-stream.ts";

export const PEER_PROTOCOL = "/dchat/update/1";

/** A line is a word and numbers; digests have 64 digits. */
const MAX_LINE_BYTES = 256;
const LENGTH_BYTES = 4;

/** What a node knows, as versions of metadata; zero for what it does not have. */
export interface KnownVersions {
  readonly root: number;
  readonly timestamp: number;
}

/** `bundle ROOT TIMESTAMP`: the bundle, if it is newer than these versions. */
export interface BundleRequest {
  readonly get: "bundle";
  readonly known: KnownVersions;
}

/** `have SHA256`: which pieces of an artifact, and its piece list; told again as they become more. */
export interface HaveRequest {
  readonly get: "have";
  readonly sha256: string;
}

/** `pieces SHA256 FIRST COUNT`: the bytes of so many pieces. */
export interface PiecesRequest {
  readonly get: "pieces";
  readonly sha256: string;
  readonly first: number;
  readonly count: number;
}

/** `mirrors`: URLs of mirrors that worked. */
export interface MirrorsRequest {
  readonly get: "mirrors";
}

/** `peers`: addresses of connected peers. */
export interface PeersRequest {
  readonly get: "peers";
}

/** `votes SEQUENCE SHA256`: certificates from a sequence on, unless the votes that are known make that digest. */
export interface VotesRequest {
  readonly get: "votes";
  readonly sequence: number;
  readonly digest: string;
}

export type PeerRequest =
  | BundleRequest
  | HaveRequest
  | MirrorsRequest
  | PeersRequest
  | PiecesRequest
  | VotesRequest;

/** `ok BYTES`: the bytes follow. `none`: not here. `busy`: not now. `unknown`: no such request. */
export type PeerAnswer =
  | { readonly status: "ok"; readonly bytes: number }
  | { readonly status: "none" | "busy" | "unknown" };

export function formatRequest(r: PeerRequest): string {
  switch (r.get) {
    case "bundle":
      return `bundle ${r.known.root} ${r.known.timestamp}`;
    case "have":
      return `have ${r.sha256}`;
    case "pieces":
      return `pieces ${r.sha256} ${r.first} ${r.count}`;
    case "mirrors":
    case "peers":
      return r.get;
    case "votes":
      return `votes ${r.sequence} ${r.digest}`;
  }
}

/** Undefined for a request that this version does not know. @throws UpdateError E_MALFORMED */
export function parseRequest(line: string): PeerRequest | undefined {
  const [word = "", ...rest] = line.split(" ");
  if (!/^[a-z]{1,16}$/.test(word)) throw malformed("a request", line);
  switch (word) {
    case "bundle": {
      const [root, timestamp] = rest.map(parseNumber);
      if (root === undefined || timestamp === undefined || rest.length !== 2) throw malformed("a request", line);
      return { get: word, known: { root, timestamp } };
    }
    case "have": {
      const sha256 = parseDigest(rest[0]);
      if (sha256 === undefined || rest.length !== 1) throw malformed("a request", line);
      return { get: word, sha256 };
    }
    case "pieces": {
      const sha256 = parseDigest(rest[0]), first = parseNumber(rest[1] ?? ""), count = parseNumber(rest[2] ?? "");
      if (sha256 === undefined || first === undefined || count === undefined || rest.length !== 3) {
        throw malformed("a request", line);
      }
      return { get: word, sha256, first, count };
    }
    case "mirrors":
    case "peers":
      if (rest.length > 0) throw malformed("a request", line);
      return { get: word };
    case "votes": {
      const sequence = parseNumber(rest[0] ?? ""), digest = parseDigest(rest[1]);
      if (sequence === undefined || digest === undefined || rest.length !== 2) throw malformed("a request", line);
      return { get: word, sequence, digest };
    }
    default:
      return undefined;
  }
}

export function formatAnswer(answer: PeerAnswer): string {
  return answer.status === "ok" ? `ok ${answer.bytes}` : answer.status;
}

/** @throws UpdateError E_MALFORMED */
export function parseAnswer(line: string): PeerAnswer {
  if (line === "none" || line === "busy" || line === "unknown") return { status: line };
  const bytes = line.startsWith("ok ") ? parseNumber(line.slice(3)) : undefined;
  if (bytes === undefined) throw malformed("an answer", line);
  return { status: "ok", bytes };
}

function parseNumber(text: string): number | undefined {
  return /^(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : undefined; // 15 digits are always a safe integer
}

function parseDigest(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}

function malformed(what: string, line: string): UpdateError {
  return new UpdateError("E_MALFORMED", `${what} that cannot be read: ${JSON.stringify(line.slice(0, 80))}`);
}

export async function writeLine(stream: ByteStream, line: string): Promise<void> {
  const text = new TextEncoder().encode(line);
  const frame = new Uint8Array(LENGTH_BYTES + text.length);
  new DataView(frame.buffer).setUint32(0, text.length);
  frame.set(text, LENGTH_BYTES);
  await stream.write(frame);
}

/** @throws UpdateError E_TOO_LARGE before more than the length is read; E_UNREACHABLE, E_TIMEOUT */
export async function readLine(stream: ByteStream): Promise<string> {
  const length = new DataView((await stream.read(LENGTH_BYTES)).buffer).getUint32(0);
  if (length > MAX_LINE_BYTES) {
    throw new UpdateError("E_TOO_LARGE", `a line of ${length} bytes from a peer, at most ${MAX_LINE_BYTES} are read`);
  }
  return new TextDecoder().decode(await stream.read(length));
}
