// The project's extension of the root: network, chain, genesis, governance. Design: "Formats", x-dchat in root.signed.
// It is read apart from the root, when it is needed. Must not: let an invalid extension stop the chain of roots; it
// stops activation.
import type { Digests, UpgradeType } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { Field } from "./fields.ts";
import type { KeyId } from "./keys.ts";
import type { Root } from "./metadata.ts";
import { checkRelativePath, isVersion } from "./naming.ts";

export type UpgradeQuorums = Readonly<Record<UpgradeType, number>>;

export interface Governance {
  /** Weight by key id; absolute integers. */
  readonly governors: ReadonlyMap<KeyId, number>;
  readonly quorum: UpgradeQuorums;
  /** The first certificate that this root's governors judge. */
  readonly firstSequence: number;
}

export type Finality = "instant" | { readonly tag: string } | { readonly depth: number };

export interface ChainIdentity {
  readonly kind: string;
  /** What the chain's RPC gives as its identity, such as the hash of block 0. */
  readonly genesis: string;
  readonly finality: Finality;
}

export interface XDchat {
  readonly network: string;
  /** The next five are there together or not at all until a chain is named; governance needs them. */
  readonly chain: ChainIdentity | undefined;
  readonly sync: "walk" | "latest" | undefined;
  readonly minLeadBlocks: number | undefined;
  readonly genesis: { readonly version: string; readonly targets: ReadonlyMap<string, Digests> } | undefined;
  /** Absent: the release signatures alone decide. */
  readonly governance: Governance | undefined;
}

/** Their signatures must fit beside a certificate's body into what every node keeps; see `MAX_CERTIFICATE_BYTES`. */
export const MAX_GOVERNORS = 256;

const NETWORK = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** True for a name that can stand in a gossip topic and a path. */
export function isNetworkName(text: string): boolean {
  return NETWORK.test(text);
}

/**
 * Reads and checks the extension of a root.
 * @throws UpdateError E_MALFORMED when it is absent or breaks a rule
 */
export function readXDchat(root: Root): XDchat {
  const f = new Field(root.xDchat, "root x-dchat");
  const network = f.get("network").line();
  if (!isNetworkName(network)) f.get("network").fail("must be 1 to 64 of a-z 0-9 . _ -");
  const chain = f.get("chain").optional(readChain);
  const sync = f.get("sync").optional((s) => s.oneOf(["walk", "latest"]));
  const minLeadBlocks = f.get("min_lead_blocks").optional((n) => n.integer(0));
  const genesis = f.get("genesis").optional(readGenesis);
  const governance = f.get("governance").optional((g) => readGovernance(g, root));
  return { network, chain, sync, minLeadBlocks, genesis, governance };
}

function readChain(f: Field): ChainIdentity {
  const finality = f.get("finality");
  return {
    kind: f.get("kind").line(64),
    genesis: f.get("genesis").line(256),
    finality: finality.value === "instant"
      ? "instant"
      : finality.get("tag").present
      ? { tag: finality.get("tag").line(64) }
      : { depth: finality.get("depth").integer(0) },
  };
}

function readGenesis(f: Field): NonNullable<XDchat["genesis"]> {
  const version = f.get("version").line();
  if (!isVersion(version)) f.get("version").fail("must be a semantic version");
  const targets = f.get("targets").entries().map(([path, t]): [string, Digests] => [
    checkRelativePath(path, t.where),
    { length: t.get("length").integer(1), sha256: t.get("sha256").hex(32), blake3: t.get("blake3").hex(32) },
  ]);
  return { version, targets: new Map(targets) };
}

function readGovernance(f: Field, root: Root): Governance {
  const governors = new Map(f.get("governors").entries().map(([id, w]) => [id, w.integer(1)]));
  if (governors.size === 0) f.get("governors").fail("names nobody");
  if (governors.size > MAX_GOVERNORS) f.get("governors").fail(`names more than ${MAX_GOVERNORS}`);
  const releaseKeys = (["timestamp", "snapshot", "targets"] as const).flatMap((r) => [...root.roles[r].keyIds]);
  for (const id of governors.keys()) {
    if (!root.keys.has(id)) f.get("governors").fail("names a key that is not among the root's keys");
    if (releaseKeys.includes(id)) f.get("governors").fail("names a release key: neither key set may move a node alone");
  }
  let total = 0;
  for (const weight of governors.values()) total += weight;
  if (!Number.isSafeInteger(total)) f.get("governors").fail("the weights add up to more than can be counted");
  const quorum = f.get("quorum");
  const read = (type: keyof UpgradeQuorums, least: number) => {
    const q = quorum.get(type).integer(1);
    if (q < least || q > total) quorum.get(type).fail(`must be from ${least} to the total weight ${total}`);
    return q;
  };
  const { majority, twoThirds } = leastQuorums(total);
  return {
    governors,
    quorum: {
      "soft-fork": read("soft-fork", majority),
      "hard-fork": read("hard-fork", twoThirds),
      "security-patch": read("security-patch", majority),
      "feature-toggle": read("feature-toggle", majority),
    },
    firstSequence: f.get("first_sequence").integer(1),
  };
}

/** The least weights that the format allows: more than half of the total, and two thirds of it for a hard fork. */
export function leastQuorums(total: number): { majority: number; twoThirds: number } {
  return { majority: Math.floor(total / 2) + 1, twoThirds: total - Math.floor(total / 3) };
}

/**
 * The network a root is for.
 * @throws UpdateError E_MALFORMED when the root names none
 */
export function networkOf(root: Root): string {
  const f = new Field(root.xDchat, "root x-dchat").get("network");
  return isNetworkName(f.line()) ? f.line() : f.fail("must be 1 to 64 of a-z 0-9 . _ -");
}

/** A root of another network than expected is another repository's, however well it is signed. */
export function requireNetwork(root: Root, expected: string): void {
  const network = networkOf(root);
  if (network === expected) return;
  throw new UpdateError("E_MALFORMED", `this is network ${JSON.stringify(network)}, not ${JSON.stringify(expected)}`);
}
