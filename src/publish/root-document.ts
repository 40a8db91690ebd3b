// Makes a root from decisions: which keys have which roles, who governs, which chain. Design: "x-dchat in root.signed".
// The result is read back with the client's own rules before anyone sees it: a root we would refuse is never staged.
// Must not: read files, sign.
import type { Digests } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../trust/json.ts";
import { type KeyId, keyObject } from "../trust/keys.ts";
import { readRoot, type Root, TOP_LEVEL_ROLES, type TopLevelRole } from "../trust/metadata.ts";
import { type ChainIdentity, leastQuorums, readXDchat, type UpgradeQuorums } from "../trust/x-dchat.ts";
import { commonFields, type Document, lifetimeDays, makeEnvelope } from "./document.ts";

/** A public key by its id. */
export interface NamedKey {
  readonly keyId: KeyId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** What the new root says otherwise than the one before; whatever is absent stays. */
export interface RootChanges {
  readonly network?: string | undefined;
  readonly roles: Readonly<Partial<Record<TopLevelRole, readonly NamedKey[]>>>;
  readonly thresholds: Readonly<Partial<Record<TopLevelRole, number>>>;
  /** Replaces all governors. */
  readonly governors?: readonly (NamedKey & { readonly weight: number })[] | undefined;
  readonly quorums: Readonly<Partial<UpgradeQuorums>>;
  readonly firstSequence?: number | undefined;
  readonly chain?: ChainIdentity | undefined;
  readonly sync?: "walk" | "latest" | undefined;
  readonly minLeadBlocks?: number | undefined;
  readonly genesis?: {
    readonly version: string;
    readonly targets: Readonly<Record<string, Digests>>;
  } | undefined;
}

export interface RootOptions {
  readonly version: number;
  readonly nowMs: number;
  /** By default as long as the root before. */
  readonly lifetimeDays?: number | undefined;
}

/**
 * The next root, without signatures.
 * @param before the root it changes; undefined for the first
 * @throws UpdateError E_USAGE when the decisions do not fit together
 */
export function makeRoot(before: Document<Root> | undefined, changes: RootChanges, o: RootOptions): Document<Root> {
  const roles = Object.fromEntries(TOP_LEVEL_ROLES.map((role) => [role, roleRule(before, changes, role)]));
  const xDchat = extension(before, changes);
  const keys = new Map<KeyId, Uint8Array>(before?.signed.keys);
  for (const key of [...Object.values(changes.roles).flat(), ...(changes.governors ?? [])]) {
    keys.set(key.keyId, key.publicKey);
  }
  const governance = xDchat["governance"];
  const governors = isJsonObject(governance) && isJsonObject(governance["governors"]) ? governance["governors"] : {};
  const used = new Set([...Object.values(roles).flatMap((r) => r.keyids), ...Object.keys(governors)]);
  const signed: JsonObject = {
    ...before?.envelope.signed,
    ...commonFields("root", { ...o, lifetimeDays: o.lifetimeDays ?? lifetimeDays("root", before) }),
    consistent_snapshot: true,
    keys: Object.fromEntries([...keys].filter(([id]) => used.has(id)).map(([id, key]) => [id, keyObject(key)])),
    roles,
    "x-dchat": xDchat,
  };
  const envelope = makeEnvelope("root", signed, new Map());
  const root = readRoot(envelope);
  try {
    const { governance, chain, minLeadBlocks } = readXDchat(root);
    // Without it an approval could take effect a block after it is complete, before anybody has fetched anything.
    if (governance !== undefined && chain !== undefined && minLeadBlocks === undefined) {
      throw new UpdateError("E_USAGE", "governors and a chain need --min-lead-blocks");
    }
  } catch (cause) {
    throw new UpdateError("E_USAGE", cause instanceof UpdateError ? cause.message : String(cause), {
      cause,
      hint: "nothing was written: change the options",
    });
  }
  return { signed: root, envelope };
}

interface RoleRule extends JsonObject {
  readonly keyids: readonly KeyId[];
  readonly threshold: number;
}

function roleRule(before: Document<Root> | undefined, changes: RootChanges, role: TopLevelRole): RoleRule {
  const old = before?.signed.roles[role];
  const keyids = [...new Set(changes.roles[role]?.map((k) => k.keyId) ?? old?.keyIds ?? [])];
  const threshold = changes.thresholds[role] ?? old?.threshold ?? 1;
  const shown = role === "targets" ? "release" : role;
  if (keyids.length === 0) throw new UpdateError("E_USAGE", `the ${shown} role has no key`);
  if (threshold > keyids.length) {
    throw new UpdateError(
      "E_USAGE",
      `the ${shown} role has ${keyids.length} keys, too few for ${threshold} signatures`,
      {
        hint: `name more keys, or a smaller --${shown}-threshold`,
      },
    );
  }
  return { keyids, threshold };
}

function extension(before: Document<Root> | undefined, changes: RootChanges): JsonObject {
  const old = before?.envelope.signed["x-dchat"];
  const kept = isJsonObject(old) ? old : {};
  const { network, chain, sync, minLeadBlocks, genesis } = changes;
  const governance = governanceOf(kept["governance"], changes);
  return {
    ...kept,
    ...(network === undefined ? {} : { network }),
    ...(chain === undefined ? {} : { chain: { ...chain } }),
    ...(sync === undefined ? {} : { sync }),
    ...(minLeadBlocks === undefined ? {} : { min_lead_blocks: minLeadBlocks }),
    ...(genesis === undefined
      ? {}
      : { genesis: { version: genesis.version, targets: genesisTargets(genesis.targets) } }),
    ...(governance === undefined ? {} : { governance }),
  };
}

function genesisTargets(targets: Readonly<Record<string, Digests>>): JsonObject {
  return Object.fromEntries(Object.entries(targets).map(([path, t]) => [path, { ...t }]));
}

function governanceOf(before: Json | undefined, changes: RootChanges): JsonObject | undefined {
  const old = isJsonObject(before) ? before : undefined;
  const { governors, quorums, firstSequence } = changes;
  if (governors === undefined && Object.keys(quorums).length === 0 && firstSequence === undefined) return old;
  if (governors === undefined && old === undefined) {
    throw new UpdateError("E_USAGE", "a quorum or a first sequence needs governors", {
      hint: "name them with --governor FILE:WEIGHT",
    });
  }
  // New governors have another total weight, so quorums that were not named again start from the least allowed.
  const total = governors?.reduce((sum, g) => sum + g.weight, 0) ?? 0;
  const { majority, twoThirds } = leastQuorums(total);
  const quorum = governors === undefined
    ? old?.["quorum"]
    : { "soft-fork": majority, "hard-fork": twoThirds, "security-patch": majority, "feature-toggle": majority };
  return {
    ...old,
    governors: governors === undefined
      ? old?.["governors"] ?? {}
      : Object.fromEntries(governors.map((g) => [g.keyId, g.weight])),
    quorum: { ...(isJsonObject(quorum) ? quorum : {}), ...quorums },
    first_sequence: firstSequence ?? old?.["first_sequence"] ?? 1,
  };
}
