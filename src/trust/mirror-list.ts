// The list of mirrors that the release keys have signed: a TUF target named mirrors.json at the top of the repository.
// Design: docs/formats.md, "mirrors.json". Signed is only which places are known; what they give is as untrusted as ever.
// Must not: resolve a name or judge an address; src/net/ does before it connects.
import type { Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { type Clock, isComplete, type TrustState } from "./client.ts";
import { Field } from "./fields.ts";
import { sha256Hex } from "./hex.ts";
import { parseJsonObject } from "./json.ts";
import { searchTarget } from "./search.ts";

/** Its TUF target path. */
export const MIRROR_LIST_PATH = "mirrors.json";
const MIRROR_LIST_FORMAT = "dchat-mirrors-1";
/** As many entries as are allowed, at a generous kilobyte each. */
export const MAX_MIRROR_LIST_BYTES = 64 * 1024;
/** As many as an operator can configure: all are asked at once, and each learns who asks. */
export const MAX_LISTED_MIRRORS = 64;
/** As for `add-mirror`. */
const MAX_PRIORITY = 1_000_000;

/** Which schemes a mirror of each kind is reached by. */
const SCHEMES = {
  https: ["https:", "http:"],
  ipfs: ["ipfs:", "https:", "http:"],
  bittorrent: ["magnet:", "https:", "http:"],
} as const;

export type ListedKind = keyof typeof SCHEMES;

export interface ListedMirror {
  readonly url: string;
  readonly kind: ListedKind;
  readonly region?: string;
  /** Lower is asked first. */
  readonly priority: number;
}

/** What is signed of the list. */
export interface MirrorListTarget {
  readonly length: number;
  readonly sha256: string;
}

/**
 * The list that the state vouches for; undefined when there is none.
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED for an entry that cannot be used
 */
export function findMirrorList(state: TrustState, clock: Clock): MirrorListTarget | undefined {
  if (!isComplete(state)) return undefined;
  const found = searchTarget(state, MIRROR_LIST_PATH, clock);
  if (found.kind !== "found") return undefined;
  const { length, hashes } = found.target;
  requireSize(length);
  if (hashes.sha256 === undefined) throw new UpdateError("E_MALFORMED", `${MIRROR_LIST_PATH} has no SHA-256`);
  return { length, sha256: hashes.sha256 };
}

/**
 * Proves the bytes of the list, as whoever supplied them is answerable for.
 * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
 */
export function proveMirrorList(target: MirrorListTarget, bytes: Uint8Array): Verified<Uint8Array> {
  if (bytes.length !== target.length) {
    const message = `${MIRROR_LIST_PATH}: ${bytes.length} bytes, signed are ${target.length}`;
    throw new UpdateError("E_SIZE_MISMATCH", message);
  }
  if (sha256Hex(bytes) !== target.sha256) {
    throw new UpdateError("E_HASH_MISMATCH", `${MIRROR_LIST_PATH}: its SHA-256 is not the signed one`);
  }
  return bytes as Verified<Uint8Array>; // length and digest were compared above
}

/**
 * Reads a list. An entry of a kind that this version does not know is left out; anything else that is wrong refuses
 * the whole, because it was signed and somebody has to be told.
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED
 */
export function readMirrorList(bytes: Uint8Array): ListedMirror[] {
  requireSize(bytes.length);
  const f = new Field(parseJsonObject(bytes, MIRROR_LIST_PATH), MIRROR_LIST_PATH);
  f.get("format").oneOf([MIRROR_LIST_FORMAT]);
  const entries = f.get("mirrors").array();
  if (entries.length > MAX_LISTED_MIRRORS) f.get("mirrors").fail(`more than ${MAX_LISTED_MIRRORS} mirrors`);
  const mirrors = entries.flatMap(readEntry);
  const [twice] = mirrors.filter((m, i) => mirrors.findIndex((other) => other.url === m.url) !== i);
  if (twice !== undefined) f.get("mirrors").fail(`${twice.url} stands twice`);
  return mirrors;
}

function requireSize(length: number): void {
  if (length <= MAX_MIRROR_LIST_BYTES) return;
  const message = `${MIRROR_LIST_PATH} has ${length} bytes, at most ${MAX_MIRROR_LIST_BYTES} are allowed`;
  throw new UpdateError("E_TOO_LARGE", message);
}

function readEntry(f: Field): ListedMirror[] {
  const kind = f.get("kind").line(32);
  if (!isKnownKind(kind)) return [];
  const region = f.get("region").optional((r) => r.line(64));
  const priority = f.get("priority").integer(0);
  if (priority > MAX_PRIORITY) f.get("priority").fail(`must be at most ${MAX_PRIORITY}`);
  return [{ url: readUrl(f.get("url"), kind), kind, priority, ...(region === undefined ? {} : { region }) }];
}

function isKnownKind(kind: string): kind is ListedKind {
  return Object.hasOwn(SCHEMES, kind);
}

/** Without a trailing slash, as mirrors are compared. */
function readUrl(f: Field, kind: ListedKind): string {
  const text = f.line(2048).replace(/\/+$/, "");
  if (!URL.canParse(text)) f.fail("must be a URL");
  const url = new URL(text);
  if (!SCHEMES[kind].some((scheme) => scheme === url.protocol)) {
    f.fail(`a mirror of kind ${kind} is reached by ${SCHEMES[kind].join(", ")}`);
  }
  if (url.username !== "" || url.password !== "") f.fail("must not carry a user or a password");
  if (url.protocol !== "magnet:" && /[?#]/.test(text)) f.fail("must have neither query nor fragment");
  // What a person reads must be what every program makes of it: no placeholders, no spaces, no capitals in the host.
  if (/[^!-~]|[{}\\]/.test(text) || url.href.replace(/\/+$/, "") !== text) {
    f.fail("must be a plain URL as programs write it: ASCII, lower-case host, no default port, no placeholders");
  }
  return text;
}
