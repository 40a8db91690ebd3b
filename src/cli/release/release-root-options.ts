// The options that decide a root: keys and thresholds of each role, governors, chain, genesis. Design: docs/cli.md.
// Must not: write anything; whether the decisions fit together is judged where the root is made.
import type { Digests } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import { digestFile } from "../../hash/digest-file.ts";
import { detectFileFormat } from "../../publish/artifact-format.ts";
import { type KeyFile, readKeyFile } from "../../publish/key-file.ts";
import type { RootChanges } from "../../publish/root-document.ts";
import { createSigner, type Signer } from "../../publish/signer.ts";
import type { TopLevelRole } from "../../trust/metadata.ts";
import { artifactName, isPlatform, isVersion, targetPath } from "../../trust/naming.ts";
import { UPGRADE_TYPES } from "../../trust/release-terms.ts";
import type { ChainIdentity, Finality, UpgradeQuorums } from "../../trust/x-dchat.ts";
import type { Arguments, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { externalSigner, readKeyFiles, warnOfExposedKeys } from "./release-session.ts";

const keys = (help: string): OptionSpec => ({ type: "string", value: "FILE", multiple: true, help });
const count = (help: string): OptionSpec => ({ type: "string", value: "N", help });
const text = (value: string, help: string): OptionSpec => ({ type: "string", value, help });

export const ROOT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  key: keys("a key of every role that has no option of its own"),
  "root-key": keys("a key of the root role"),
  "root-threshold": count("how many root keys must sign"),
  "release-key": keys("a key that signs releases (the targets role)"),
  "release-threshold": count("how many release keys must sign"),
  "snapshot-key": keys("a key of the snapshot role (default: the release keys)"),
  "snapshot-threshold": count("how many snapshot keys must sign"),
  "timestamp-key": keys("a key of the timestamp role (default: the snapshot keys)"),
  "timestamp-threshold": count("how many timestamp keys must sign"),
  "external-signer": text("CMD", "signs for the public keys that are given"),
  governor: { type: "string", value: "FILE:WEIGHT", multiple: true, help: "a governor's public key and weight" },
  quorum: { type: "string", value: "TYPE=WEIGHT", multiple: true, help: "weight an upgrade type needs" },
  "first-sequence": count("first certificate that these governors judge"),
  "chain-kind": text("KIND", "the chain that tells the height, such as evm"),
  "chain-genesis": text("ID", "what the chain gives as its identity"),
  "chain-finality": text("RULE", "instant, tag:NAME or depth:N"),
  sync: text("HOW", "walk or latest: how a node far behind catches up"),
  "min-lead-blocks": count("blocks an approval must precede its height"),
  "genesis-version": text("V", "the first version the network runs"),
  genesis: { type: "string", value: "PLATFORM=FILE", multiple: true, help: "a file of that version" },
  "root-expires-days": count("lifetime of the root"),
  "targets-expires-days": count("lifetime of the list of artifacts"),
};

export interface RootDecisions {
  readonly changes: RootChanges;
  /** Of every private key that was given, and with an external signer of every public one. */
  readonly signers: readonly Signer[];
}

const ROLE_OPTIONS: readonly (readonly [TopLevelRole, string])[] = [
  ["root", "root"],
  ["targets", "release"],
  ["snapshot", "snapshot"],
  ["timestamp", "timestamp"],
];

/** @throws UpdateError E_USAGE for options that make no sense by themselves, E_MALFORMED, E_IO */
export async function readRootDecisions(c: Context, a: Arguments): Promise<RootDecisions> {
  const common = a.strings("key");
  const roles: Partial<Record<TopLevelRole, readonly KeyFile[]>> = {};
  const thresholds: Partial<Record<TopLevelRole, number>> = {};
  for (const [role, option] of ROLE_OPTIONS) {
    const named = a.strings(`${option}-key`);
    const files = named.length > 0 ? named : common;
    if (files.length > 0) roles[role] = await readKeyFiles(files);
    const threshold = a.integer(`${option}-threshold`, 1, 100);
    if (threshold !== undefined) thresholds[role] = threshold;
  }
  const external = externalSigner(c, a);
  const byId = new Map(Object.values(roles).flat().map((key) => [key.keyId, key]));
  warnOfExposedKeys(c, [...byId.values()]);
  const signers = [...byId.values()].flatMap((key) => createSigner(key, external) ?? []);
  return {
    signers,
    changes: {
      network: a.string("network"),
      roles,
      thresholds,
      governors: await readGovernors(a),
      quorums: readQuorums(a),
      firstSequence: a.integer("first-sequence", 1, Number.MAX_SAFE_INTEGER),
      ...readChain(a),
      genesis: await readGenesis(c, a),
    },
  };
}

async function readGovernors(a: Arguments): Promise<RootChanges["governors"]> {
  const given = a.strings("governor");
  if (given.length === 0) return undefined;
  const governors = await Promise.all(given.map(async (one) => {
    const [, file, digits] = /^(.+):([0-9]{1,15})$/.exec(one) ?? [];
    const weight = Number(digits);
    if (file === undefined || !(weight >= 1)) {
      throw new UpdateError("E_USAGE", `--governor ${JSON.stringify(one.slice(0, 200))} is not FILE:WEIGHT`, {
        hint: "such as --governor alice.pub:40, with a weight of at least 1",
      });
    }
    return { ...await readKeyFile(file), weight };
  }));
  if (new Set(governors.map((g) => g.keyId)).size === governors.length) return governors;
  throw new UpdateError("E_USAGE", "one governor's key is given twice", {
    hint: "give each key once, with its weight",
  });
}

function readQuorums(a: Arguments): Partial<UpgradeQuorums> {
  return Object.fromEntries(
    a.strings("quorum").map((one) => {
      const [, type, digits] = /^([a-z-]+)=([0-9]{1,15})$/.exec(one) ?? [];
      const known = UPGRADE_TYPES.find((t) => t === type);
      if (known !== undefined) return [known, Number(digits)];
      throw new UpdateError("E_USAGE", `--quorum ${JSON.stringify(one.slice(0, 80))} is not TYPE=WEIGHT`, {
        hint: `the types are ${UPGRADE_TYPES.join(", ")}`,
      });
    }),
  );
}

function readChain(a: Arguments): Pick<RootChanges, "chain" | "sync" | "minLeadBlocks"> {
  const sync = a.oneOf("sync", ["walk", "latest"]);
  const minLeadBlocks = a.integer("min-lead-blocks", 0, Number.MAX_SAFE_INTEGER);
  const parts = ["chain-kind", "chain-genesis", "chain-finality"] as const;
  const missing = parts.filter((name) => a.string(name) === undefined);
  if (missing.length === parts.length) return { sync, minLeadBlocks };
  if (missing.length > 0) {
    throw new UpdateError("E_USAGE", `--${missing.join(" and --")} is missing`, {
      hint: "a chain is named by its kind, its genesis and its rule of finality together",
    });
  }
  const chain: ChainIdentity = {
    kind: a.required("chain-kind"),
    genesis: a.required("chain-genesis"),
    finality: readFinality(a.required("chain-finality")),
  };
  return { chain, sync: sync ?? "walk", minLeadBlocks };
}

function readFinality(rule: string): Finality {
  const [, kind, value = ""] = /^(tag|depth):(.{1,64})$/.exec(rule) ?? [];
  if (rule === "instant") return "instant";
  if (kind === "tag") return { tag: value };
  if (kind === "depth" && /^[0-9]{1,9}$/.test(value)) return { depth: Number(value) };
  throw new UpdateError("E_USAGE", "--chain-finality must be instant, tag:NAME or depth:N", {
    hint: "such as tag:finalized, or depth:12",
  });
}

async function readGenesis(c: Context, a: Arguments): Promise<RootChanges["genesis"]> {
  const version = a.string("genesis-version");
  const given = a.strings("genesis");
  if (version === undefined && given.length === 0) return undefined;
  if (version === undefined || given.length === 0 || !isVersion(version)) {
    throw new UpdateError("E_USAGE", "--genesis-version V and --genesis PLATFORM=FILE belong together", {
      hint: "such as --genesis-version 0.1.0 --genesis linux-x64=./dchat",
    });
  }
  const targets: Record<string, Digests> = {};
  for (const one of given) {
    const split = one.indexOf("=");
    const platform = one.slice(0, Math.max(0, split)), file = one.slice(split + 1);
    if (!isPlatform(platform) || file === "") {
      throw new UpdateError("E_USAGE", `--genesis ${JSON.stringify(one.slice(0, 200))} is not PLATFORM=FILE`);
    }
    const format = await detectFileFormat(file, "binary");
    const path = targetPath(version, artifactName({ version, platform, format, packageType: "binary" }));
    targets[path] = await digestFile(file, c);
  }
  return { version, targets };
}
