// Who governs which sequences: the roots' governors as epochs, each with the range it judges for ever.
// Design: "What is in force" of docs/governance.md; docs/decisions/0012-schedule.md. Read from the roots alone.
// Must not: know a certificate's content.
import { UpdateError } from "../errors.ts";
import type { TrustState } from "./client.ts";
import { parseEnvelope } from "./envelope.ts";
import type { KeyId, KeyRing } from "./keys.ts";
import { MAX_METADATA_BYTES, readRoot } from "./metadata.ts";
import { type ChainIdentity, type Governance, readXDchat, type XDchat } from "./x-dchat.ts";

/** Consecutive roots with the same governors, quorums and first sequence. */
export interface Epoch {
  /** Version of the first of these roots. */
  readonly rootVersion: number;
  readonly governance: Governance;
  readonly keys: KeyRing;
  /** Of all governors. */
  readonly totalWeight: number;
}

/** What the roots say about governing. */
export interface Epochs {
  /** In the order of the roots; may be empty. */
  readonly all: readonly Epoch[];
  readonly network: string | undefined;
  readonly oldestRoot: number;
  readonly newestRoot: number;
  /** True when the newest root names governors: without them release signatures alone decide. */
  readonly isGoverned: boolean;
  /** Undefined for a root that is not known or whose extension cannot be read. */
  extensionOf(rootVersion: number): XDchat | undefined;
  /** The epoch whose governors a root names; a root older than the oldest known one counts as that one. */
  ofRoot(rootVersion: number): Epoch | undefined;
  /** The epoch that judges a sequence: the newest that begins at it or before. */
  ofSequence(sequence: number): Epoch | undefined;
}

const computed = new WeakMap<readonly Uint8Array[], Epochs>();

/** The epochs of a state's root chain. */
export function epochsOf(state: Pick<TrustState, "rootChain" | "root">): Epochs {
  const known = computed.get(state.rootChain);
  if (known !== undefined) return known;
  const epochs = computeEpochs(state);
  computed.set(state.rootChain, epochs);
  return epochs;
}

/** The chain that the newest root names; undefined where it names none. */
export function chainOf(state: Pick<TrustState, "rootChain" | "root">): ChainIdentity | undefined {
  const epochs = epochsOf(state);
  return epochs.extensionOf(epochs.newestRoot)?.chain;
}

function computeEpochs({ rootChain, root: newest }: Pick<TrustState, "rootChain" | "root">): Epochs {
  const all: Epoch[] = [];
  const extensions = new Map<number, XDchat>();
  const epochOfRoot = new Map<number, Epoch>();
  for (const bytes of rootChain) {
    // Verified when it was accepted; only its content is asked for here.
    const root = readRoot(parseEnvelope(bytes, "a trusted root", MAX_METADATA_BYTES.root));
    const extension = readable(() => readXDchat(root));
    if (extension === undefined) continue;
    extensions.set(root.version, extension);
    const { governance } = extension;
    if (governance === undefined) continue;
    const last = all.at(-1);
    const isSame = last !== undefined && isSameGovernance(last.governance, governance);
    const epoch = isSame
      ? last
      : { rootVersion: root.version, governance, keys: root.keys, totalWeight: total(governance) };
    if (!isSame) all.push(epoch);
    epochOfRoot.set(root.version, epoch);
  }
  const newestRoot = newest.signed.version, oldestRoot = newestRoot - rootChain.length + 1;
  return {
    all,
    network: extensions.get(newestRoot)?.network,
    oldestRoot,
    newestRoot,
    isGoverned: epochOfRoot.has(newestRoot),
    extensionOf: (version) => extensions.get(Math.max(version, oldestRoot)),
    ofRoot: (version) => epochOfRoot.get(Math.max(version, oldestRoot)),
    ofSequence: (sequence) => all.findLast((e) => e.governance.firstSequence <= sequence),
  };
}

function readable(read: () => XDchat): XDchat | undefined {
  try {
    return read();
  } catch (e) {
    if (e instanceof UpdateError) return undefined; // an extension that cannot be read governs nothing
    throw e;
  }
}

function isSameGovernance(a: Governance, b: Governance): boolean {
  return a.firstSequence === b.firstSequence && sameNumbers(a.governors, b.governors) &&
    sameNumbers(new Map(Object.entries(a.quorum)), new Map(Object.entries(b.quorum)));
}

function sameNumbers(a: ReadonlyMap<KeyId, number>, b: ReadonlyMap<KeyId, number>): boolean {
  return a.size === b.size && [...a].every(([key, n]) => b.get(key) === n);
}

function total(g: Governance): number {
  return [...g.governors.values()].reduce((sum, weight) => sum + weight, 0);
}
