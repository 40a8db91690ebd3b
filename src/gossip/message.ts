// The messages of the gossip topic, and what becomes of each before anybody else is told of it.
// Design: docs/formats.md, "Gossip". Pure: (trusted state, bytes from anybody, clock) → a verdict.
// Must not: keep anything between two messages, or let through a byte that no signature covers and no rule bounds.
import { UpdateError } from "../errors.ts";
import type { Clock, TrustState } from "../trust/client.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import { judgeTimestamp } from "./judge-timestamp.ts";

/** Of a whole message. A timestamp has about a kilobyte. */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/**
 * - `newer`: signed by whom this node trusts and newer than what it has. Forwarded once all it names is here and proven.
 * - `unknown-root`: signed by keys this node has never heard of: a lie, or a root newer than its own.
 * - `ignore`: of no use, and nobody's fault. `reject`: no honest node sends such a thing.
 */
export type Judgement =
  | { readonly verdict: "newer" }
  | { readonly verdict: "unknown-root" | "ignore" | "reject"; readonly why: UpdateError };

/** One row of the table of messages. */
interface MessageKind {
  readonly kind: string;
  /** The fields besides `kind`, in their order; all are strings. */
  readonly fields: readonly string[];
  judge(state: TrustState, message: Field, clock: Clock): Judgement;
}

const MESSAGE_KINDS: readonly MessageKind[] = [
  {
    kind: "release",
    fields: ["timestamp"],
    judge: (state, message, clock) => judgeTimestamp(state, releaseTimestamp(message), clock),
  },
];

/** The topic of a network. */
export function topicOf(network: string): string {
  return `/dchat/update/1/${network}`;
}

/** @throws UpdateError E_TOO_LARGE for a timestamp that no node would take */
export function encodeRelease(timestamp: Uint8Array): Uint8Array {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(timestamp);
  const bytes = new TextEncoder().encode(JSON.stringify({ kind: "release", timestamp: text }));
  requireSize(bytes);
  return bytes;
}

/** The timestamp that a release message carries, byte for byte. @throws UpdateError when it is no release message */
export function readRelease(bytes: Uint8Array): Uint8Array {
  const message = readMessage(bytes);
  message.get("kind").oneOf(["release"]);
  return releaseTimestamp(message);
}

function releaseTimestamp(message: Field): Uint8Array {
  return new TextEncoder().encode(message.get("timestamp").string());
}

export function judgeMessage(state: TrustState, bytes: Uint8Array, clock: Clock): Judgement {
  try {
    const message = readMessage(bytes);
    const name = message.get("kind").line(32);
    const kind = MESSAGE_KINDS.find((k) => k.kind === name);
    if (kind === undefined) {
      // A later version may have more kinds, and who speaks them is no liar.
      return { verdict: "ignore", why: new UpdateError("E_MALFORMED", `a message of the unknown kind "${name}"`) };
    }
    requireExactly(kind, message, bytes);
    return kind.judge(state, message, clock);
  } catch (e) {
    if (e instanceof UpdateError) return { verdict: "reject", why: e };
    throw e;
  }
}

function readMessage(bytes: Uint8Array): Field {
  requireSize(bytes);
  return new Field(parseJsonObject(bytes, "the message"), "the message");
}

function requireSize(bytes: Uint8Array): void {
  if (bytes.length <= MAX_MESSAGE_BYTES) return;
  const message = `a message of ${bytes.length} bytes, at most ${MAX_MESSAGE_BYTES} are allowed`;
  throw new UpdateError("E_TOO_LARGE", message);
}

/** One content, one encoding: what else could be written around it would be another message with the same meaning. */
function requireExactly(kind: MessageKind, message: Field, bytes: Uint8Array): void {
  const fields = kind.fields.map((name) => [name, message.get(name).string()]);
  const exact = new TextEncoder().encode(JSON.stringify(Object.fromEntries([["kind", kind.kind], ...fields])));
  const same = exact.length === bytes.length && exact.every((byte, i) => byte === bytes[i]);
  if (!same) {
    message.fail(`must be exactly kind and ${kind.fields.join(", ")}, without spaces, as JSON.stringify writes`);
  }
}
