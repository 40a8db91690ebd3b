// A network with governors in memory: real roots, real certificates, signed by whom a test says.
// Must not: judge; tests build broken schedules with it.
import { type Certificate, NO_CERTIFICATE, parseCertificate } from "../../src/trust/certificate.ts";
import { pinRoot, type TrustState } from "../../src/trust/client.ts";
import { keyObject } from "../../src/trust/keys.ts";
import { learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { createReleaseRepository, nameOf, NETWORK, type ReleaseRepository } from "./release-repository.ts";
import { type MutableJson, type MutableObject, put, signedFile, type TestKey, testKey } from "./signed-file.ts";
import { strictClock, updated } from "./trust-client.ts";

/** Governors by name: their keys depend on the name alone. */
export type Weights = Readonly<Record<string, number>>;

export interface GovernedNetworkOptions {
  readonly seed?: string;
  /** Default: four of weight 25. */
  readonly weights?: Weights;
  readonly minLeadBlocks?: number;
  readonly finality?: MutableJson;
  readonly genesis?: MutableJson;
}

export interface GovernedNetwork {
  readonly repo: ReleaseRepository;
  /** What a reader trusts who has followed the repository as it is now. */
  state(): TrustState;
  /** A new root with other governors. */
  govern(weights: Weights, firstSequence: number): void;
  /** Signs the snapshot again with this x-dchat-schedule. */
  nameHead(head: MutableJson): void;
}

export const governorKey = (name: string): TestKey => testKey(`governor ${name}`);
export const DEFAULT_WEIGHTS: Weights = { a: 25, b: 25, c: 25, d: 25 };

/** Quorums: more than half of the weight, two thirds of it for a hard fork. */
export function governanceOf(weights: Weights, firstSequence: number): MutableObject {
  const total = Object.values(weights).reduce((sum, w) => sum + w, 0);
  const half = Math.floor(total / 2) + 1;
  return {
    governors: Object.fromEntries(Object.entries(weights).map(([name, w]) => [governorKey(name).id, w])),
    quorum: {
      "soft-fork": half,
      "hard-fork": Math.ceil((2 * total) / 3),
      "security-patch": half,
      "feature-toggle": half,
    },
    first_sequence: firstSequence,
  };
}

export function createGovernedNetwork(o: GovernedNetworkOptions = {}): GovernedNetwork {
  const repo = createReleaseRepository({
    seed: o.seed ?? "governed",
    rootFields: {
      "x-dchat": {
        network: NETWORK,
        chain: { kind: "evm", genesis: "0xabc", finality: o.finality ?? { depth: 12 } },
        sync: "walk",
        min_lead_blocks: o.minLeadBlocks ?? 10,
        ...(o.genesis === undefined ? {} : { genesis: o.genesis }),
      },
    },
  });
  const network: GovernedNetwork = {
    repo,
    // The repository's first root has no governors: its builder makes it before it can be told of their keys.
    state: () => updated(pinRoot(repo.pinnedRoot), repo.files(), strictClock(repo.nowMs)),
    govern(weights, firstSequence) {
      const root = repo.draft("root");
      for (const name of Object.keys(weights)) {
        const key = governorKey(name);
        put(root, ["keys", key.id], keyObject(key.publicKey) as MutableObject);
      }
      put(root, ["x-dchat", "governance"], governanceOf(weights, firstSequence));
      repo.publishRoot();
    },
    nameHead(head) {
      repo.draft("snapshot")["x-dchat-schedule"] = head;
      repo.refresh();
    },
  };
  network.govern(o.weights ?? DEFAULT_WEIGHTS, 1);
  return network;
}

const digest = (text: string) => testKey(text).id;

/** The signed part of an activation; `prev` is the certificate before, none for the first. */
export function activation(prev: Certificate | undefined, fields: MutableObject = {}): MutableObject {
  const version = String(fields["version"] ?? "1.0.0");
  const height = Number(fields["activation_height"] ?? 1000);
  return {
    ...common(prev),
    kind: "activate",
    upgrade_type: "soft-fork",
    version,
    targets: {
      [`dchat/${version}/dchat-${version}-linux-x64`]: {
        length: 10,
        sha256: digest(`sha256 ${version}`),
        blake3: digest(`blake3 ${version}`),
      },
    },
    activation_height: height,
    switch: "at",
    expires_height: height,
    ...fields,
  };
}

/** The artifacts of a released version as a certificate names them; none of one that is not released. */
export function releasedTargets(state: TrustState, version: string): MutableObject {
  const path = `dchat/${version}/${nameOf(version)}`;
  const target = state.targets.get("targets")?.signed.targets.get(path);
  if (target === undefined) return {};
  const { dchat } = target.custom as { dchat: { blake3: string } }; // as the repository's builder writes it
  return { [path]: { length: target.length, sha256: target.hashes["sha256"] ?? "", blake3: dchat.blake3 } };
}

/** The signed part of a cancellation. */
export function cancellation(prev: Certificate, cancels: number[], fields: MutableObject = {}): MutableObject {
  return { ...common(prev), kind: "cancel", cancels, expires_height: 1_000_000, ...fields };
}

function common(prev: Certificate | undefined): MutableObject {
  return {
    _type: "dchat-activation",
    spec_version: "1",
    network: NETWORK,
    sequence: (prev?.body.sequence ?? 0) + 1,
    prev_sha256: prev?.sha256 ?? NO_CERTIFICATE,
    root_version: 2,
    proposed_height: 10,
  };
}

/** The certificate of a body, signed by the governors of these names: `signed(body, "a", "b")`. */
export function signed(body: MutableObject, ...names: readonly string[]): Certificate {
  return signedBy(body, ...names.map(governorKey));
}

export function signedBy(body: MutableObject, ...keys: readonly TestKey[]): Certificate {
  return parseCertificate(signedFile(body, keys));
}

/** The state that has learnt these, in this order; what cannot be used is an error. */
export function learnt(state: TrustState, ...certificates: readonly Certificate[]): TrustState {
  return certificates.reduce((s, c) => learnCertificate(s, c).state, state);
}

/** As `learnt`, all at once, leaving out what cannot be used. */
export function learntAll(state: TrustState, ...certificates: readonly Certificate[]): TrustState {
  return learnCertificates(state, certificates);
}
