// What an announced timestamp is worth to a node that trusts what it trusts. Design: docs/formats.md, "Gossip".
// Pure. Cheap questions first: a signature is only verified when the answer could matter.
// Must not: punish during a rotation of keys; two honest nodes may be a root apart, and who is behind knows less.
import { UpdateError } from "../errors.ts";
import { acceptTimestamp, type Clock, type TrustState } from "../trust/client.ts";
import { countSignatures, type Envelope, parseEnvelope } from "../trust/envelope.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import { MAX_METADATA_BYTES, readRoot, readTimestamp, type Root } from "../trust/metadata.ts";
import type { Judgement } from "./message.ts";

const WHAT = "the announced timestamp";
/** More than any network has timestamp keys, old and new together. Each may cost a verification. */
const MAX_SIGNATURES = 16;
/** How far behind an honest node may be and still be told from a liar; a root a month is often. */
const MAX_OLDER_ROOTS = 8;

export function judgeTimestamp(state: TrustState, bytes: Uint8Array, clock: Clock): Judgement {
  const envelope = readBare(bytes);
  const timestamp = readTimestamp(envelope);
  const root = state.root.signed;
  const signers = [...envelope.signatures.keys()].filter((id) => root.roles.timestamp.keyIds.has(id));
  if (signers.length < root.roles.timestamp.threshold) return judgeForeign(state, envelope);
  if (timestamp.version <= (state.timestamp?.signed.version ?? 0)) {
    return { verdict: "ignore", why: new UpdateError("E_STALE", `${WHAT} is version ${timestamp.version}, not newer`) };
  }
  if (!isSignedUnder(root, envelope)) {
    if (isSignedUnderOlder(state, envelope)) return isOfOlderRoot();
    throw new UpdateError("E_SIGNATURE", `${WHAT}: the signature of a trusted key does not verify`);
  }
  // Whatever other signatures say: to a node that is a root behind they may be of keys that it does not know.
  try {
    acceptTimestamp(state, bytes, clock);
    return { verdict: "newer" };
  } catch (e) {
    if (!(e instanceof UpdateError)) throw e;
    // Rightly signed: whatever else is wrong with it is not the fault of those who pass it on.
    return { verdict: "ignore", why: e };
  }
}

/** True when the timestamp is signed under the trusted root or one before it, whatever its version and time. */
export function isVouchedFor(state: TrustState, bytes: Uint8Array): boolean {
  const envelope = readBare(bytes);
  return isSignedUnder(state.root.signed, envelope) || isSignedUnderOlder(state, envelope);
}

/** False where something stands around what is signed that peers would call a lie, and readers of metadata do not look at. */
export function isBare(root: Root, envelope: Envelope): boolean {
  try {
    readBare(envelope.bytes);
    return countSignatures(envelope, root.keys, root.roles.timestamp).invalid.size === 0;
  } catch (e) {
    if (e instanceof UpdateError) return false;
    throw e;
  }
}

/** What is signed, and the signatures that verify under the root, written in one way. */
export function bareForm(root: Root, envelope: Envelope): Uint8Array {
  const { valid } = countSignatures(envelope, root.keys, root.roles.timestamp);
  const signatures = [...valid].sort().map((keyid) => ({ keyid, sig: envelope.signatures.get(keyid) }));
  return new TextEncoder().encode(JSON.stringify({ signatures, signed: envelope.signed }));
}

function judgeForeign(state: TrustState, envelope: Envelope): Judgement {
  if (isSignedUnderOlder(state, envelope)) return isOfOlderRoot();
  const message = `${WHAT} is signed by keys that root version ${state.root.signed.version} does not name`;
  return { verdict: "unknown-root", why: new UpdateError("E_UNTRUSTED_KEY", message) };
}

function isOfOlderRoot(): Judgement {
  return { verdict: "ignore", why: new UpdateError("E_STALE", `${WHAT} is signed under an older root`) };
}

function isSignedUnderOlder(state: TrustState, envelope: Envelope): boolean {
  return olderRoots(state).some((root) => isSignedUnder(root, envelope));
}

function isSignedUnder(root: Root, envelope: Envelope): boolean {
  const role = root.roles.timestamp;
  return countSignatures(envelope, root.keys, role).valid.size >= role.threshold;
}

/** Nothing beside what signatures are made over, and the signatures. */
function readBare(bytes: Uint8Array): Envelope {
  const envelope = parseEnvelope(bytes, WHAT, MAX_METADATA_BYTES.timestamp);
  const document = new Field(parseJsonObject(bytes, WHAT), WHAT);
  requireKeys(document, ["signatures", "signed"]);
  const signatures = document.get("signatures");
  if (signatures.array().length > MAX_SIGNATURES) signatures.fail(`more than ${MAX_SIGNATURES} signatures`);
  for (const signature of signatures.array()) {
    requireKeys(signature, ["keyid", "sig"]);
    signature.get("keyid").hex(32);
    signature.get("sig").hex(64);
  }
  return envelope;
}

function requireKeys(f: Field, keys: readonly string[]): void {
  if (Object.keys(f.object()).sort().join() !== keys.join()) f.fail(`must have exactly ${keys.join(" and ")}`);
}

/** By the exact bytes they were read from; a chain only grows at its end. */
const readRoots = new WeakMap<Uint8Array, Root>();

function olderRoots(state: TrustState): Root[] {
  return state.rootChain.slice(0, -1).slice(-MAX_OLDER_ROOTS).reverse().map((bytes) => {
    const root = readRoots.get(bytes) ?? readRoot(parseEnvelope(bytes, "an older root", MAX_METADATA_BYTES.root));
    readRoots.set(bytes, root);
    return root;
  });
}
