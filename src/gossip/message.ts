// The messages of the gossip topic, and what becomes of each before anybody else is told of it.
// Design: docs/formats.md, "Gossip". Pure: (trusted state, bytes from anybody, clock) → a verdict.
// Must not: keep anything between two messages, or let through a byte that no signature covers and no rule bounds.
import { UpdateError } from "../errors.ts";
import { type Certificate, certificateBytes, isOfOtherVersion, parseCertificate } from "../trust/certificate.ts";
import type { Clock, TrustState } from "../trust/client.ts";
import { Field } from "../trust/fields.ts";
import { canonicalBytes, parseJsonObject } from "../trust/json.ts";
import type { KeyId } from "../trust/keys.ts";
import { bareForm, isBare, judgeTimestamp } from "./judge-timestamp.ts";
import { judgeVote } from "./judge-vote.ts";

/** Of a whole message. A timestamp has about a kilobyte. */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/**
 * - `newer`: signed by whom this node trusts and newer than what it has. Forwarded once all it names is here and proven.
 * - `unknown-root`: signed by keys this node has never heard of: a lie, or a root newer than its own.
 * - `vote`: of a governor this node knows, and new to it; not verified yet. Forwarded once it is verified and stored.
 * - `ignore`: of no use, and nobody's fault. `reject`: no honest node sends such a thing.
 */
export type Judgement =
  | { readonly verdict: "newer" }
  | { readonly verdict: "vote"; readonly vote: Certificate; readonly governor: KeyId }
  | { readonly verdict: "unknown-root" | "ignore" | "reject"; readonly why: UpdateError };

/** One row of the table of messages. */
interface MessageKind {
  readonly kind: string;
  /** True for what only a later version can read. */
  isOfOtherVersion?(message: Field): boolean;
  /** The one way to write such a message. */
  encode(message: Field): Uint8Array;
  judge(state: TrustState, message: Field, clock: Clock): Judgement;
}

const MESSAGE_KINDS: readonly MessageKind[] = [
  {
    kind: "release",
    encode: (message) => releaseMessage(message.get("timestamp").string()),
    judge: (state, message, clock) => judgeTimestamp(state, releaseTimestamp(message), clock),
  },
  {
    kind: "vote",
    isOfOtherVersion: (message) => isOfOtherVersion(message.get("certificate").value ?? null),
    encode: (message) => encodeVote(voteCertificate(message)),
    judge: (state, message) => judgeVote(state, voteCertificate(message)),
  },
];

/** The topic of a network. */
export function topicOf(network: string): string {
  return `/dchat/update/1/${network}`;
}

/** @throws UpdateError E_TOO_LARGE for a timestamp that no node would take */
export function encodeRelease(timestamp: Uint8Array): Uint8Array {
  const bytes = releaseMessage(textOf(timestamp));
  requireSize(bytes);
  return bytes;
}

/**
 * The message that tells of the trusted timestamp, as that came if peers take it so; undefined as long as there is none.
 * A mirror or a peer may have written something around what is signed: it would be blamed on the node that announces it.
 * One content can be written in many ways that are no lies, too: with other spaces, or with signatures of keys that nobody
 * here knows, such as those of roots that a node was never given. So each node passes on one, which it has proven.
 */
export function announcementOf({ root, timestamp }: TrustState): Uint8Array | undefined {
  if (timestamp === undefined) return undefined;
  const asItCame = releaseMessage(textOf(timestamp.envelope.bytes));
  const isTaken = asItCame.length <= MAX_MESSAGE_BYTES && isBare(root.signed, timestamp.envelope);
  return isTaken ? asItCame : encodeRelease(bareForm(root.signed, timestamp.envelope));
}

/** True for the very message by which this node would tell of what it trusts. */
export function isAnnouncement(state: TrustState, message: Uint8Array): boolean {
  const own = announcementOf(state);
  return own !== undefined && isSame(own, message);
}

function releaseMessage(timestamp: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ kind: "release", timestamp }));
}

function textOf(json: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
}

const VOTE_HEAD = '{"kind":"vote","certificate":';

/** @param vote with one signature. A certificate leaves room for it in the size of a message. */
export function encodeVote(vote: Certificate): Uint8Array {
  return new TextEncoder().encode(`${VOTE_HEAD}${new TextDecoder().decode(certificateBytes(vote))}}`);
}

/** Whether it says that it is a vote: to be asked before anything else of it is looked at. */
export function looksLikeVote(bytes: Uint8Array): boolean {
  return hasHead(bytes, VOTE_HEAD);
}

/** Whether it says that it is of a kind that is read here: another one is of no use, whatever follows. As cheap to ask. */
export function looksKnown(bytes: Uint8Array): boolean {
  return MESSAGE_KINDS.some(({ kind }) => hasHead(bytes, `{"kind":"${kind}",`));
}

function hasHead(bytes: Uint8Array, head: string): boolean {
  return new TextDecoder().decode(bytes.subarray(0, head.length)) === head;
}

function voteCertificate(message: Field): Certificate {
  return parseCertificate(canonicalBytes(message.get("certificate").object()), "the vote");
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
    if (kind === undefined || kind.isOfOtherVersion?.(message) === true) {
      // A later version may have more kinds, and who speaks them is no liar.
      return {
        verdict: "ignore",
        why: new UpdateError("E_MALFORMED", `a "${name}" of a kind or version that is not known here`),
      };
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
  const exact = kind.encode(message);
  if (!isSame(exact, bytes)) {
    message.fail("must have its fields in their order and nothing else, written in the one way");
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
