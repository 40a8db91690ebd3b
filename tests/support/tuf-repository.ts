// A TUF repository in memory, for tests: real keys, real signatures, exact bytes of every file, the same from the same
// seed. Its signatures come from node:crypto and its key ids are the product's, so a rival client can read it too.
// Must not: check anything; tests build broken repositories with it.
import { keyObject } from "../../src/trust/keys.ts";
import type { TopLevelRole } from "../../src/trust/metadata.ts";
import {
  at,
  type MutableJson,
  type MutableObject,
  parseFile,
  put,
  sha256,
  signedFile,
  type TestKey,
  testKey,
  tufTime,
} from "./signed-file.ts";

export const DAY_MS = 86_400_000;

export interface RoleOptions {
  readonly keys?: number;
  readonly threshold?: number;
}

export interface TufRepositoryOptions {
  readonly seed: string;
  /** The time the repository is made for; expiries lie days behind it. Default: now. */
  readonly nowMs?: number;
  readonly consistentSnapshot?: boolean;
  /** Whether timestamp and snapshot name lengths and SHA-256 digests besides versions. Default true. */
  readonly metaHashes?: boolean;
  readonly roles?: Partial<Record<TopLevelRole, RoleOptions>>;
  /** More fields of root's `signed`, such as x-dchat. */
  readonly rootFields?: MutableObject;
}

export interface DelegationOptions extends RoleOptions {
  readonly name: string;
  readonly parent?: string;
  /** Default `["*"]`. */
  readonly paths?: readonly string[];
  readonly pathHashPrefixes?: readonly string[];
  readonly terminating?: boolean;
  /** Keys in place of new ones, for a role with two parents. */
  readonly signers?: readonly TestKey[];
}

export interface SuccinctOptions extends RoleOptions {
  readonly parent?: string;
  readonly namePrefix: string;
  readonly bitLength: number;
}

export interface TargetOptions {
  /** Default "targets". */
  readonly role?: string;
  readonly custom?: MutableJson;
}

export interface TufRepository {
  readonly nowMs: number;
  /** Version 1, what a client pins. */
  readonly pinnedRoot: Uint8Array;
  /** Everything a static host would serve, by relative path: `metadata/…`, `targets/…`. A fresh map each time. */
  files(): Map<string, Uint8Array>;
  /** Where the current file of a role is served, such as `metadata/3.snapshot.json`. */
  path(role: string): string;
  /** The current file of a role. */
  bytes(role: string): Uint8Array;
  /** What the next publish of a role signs; change it in place. */
  draft(role: string): MutableObject;
  /** The names of all targets roles, top-level and delegated. */
  roles(): string[];
  /** The keys that sign a role; change the list to sign with others. */
  signers(role: string): TestKey[];
  newKey(): TestKey;
  addTarget(path: string, content: Uint8Array, o?: TargetOptions): void;
  delegate(o: DelegationOptions): void;
  delegateSuccinctly(o: SuccinctOptions): void;
  /** New versions of these targets roles (default: all), then of snapshot and timestamp. */
  publish(...roles: string[]): void;
  /** New versions of snapshot and timestamp alone. */
  refresh(): void;
  publishTimestamp(): void;
  /** Serves other bytes as a role's current file; the next snapshot and timestamp name them. */
  replace(role: string, bytes: Uint8Array): void;
  /** The next root, signed by `also` besides root's own signers. */
  publishRoot(also?: readonly TestKey[]): void;
  /** New keys for a top-level role, in a new root signed by old and new root keys. Does not publish the role. */
  rotate(role: TopLevelRole, o?: RoleOptions): void;
}

interface Role {
  readonly draft: MutableObject;
  readonly signers: TestKey[];
  version: number;
  bytes: Uint8Array | undefined;
}

export function createTufRepository(o: TufRepositoryOptions): TufRepository {
  const nowMs = o.nowMs ?? Date.now();
  const consistent = o.consistentSnapshot ?? true;
  const published = new Map<string, Uint8Array>();
  const roles = new Map<string, Role>();
  let keyCount = 0;
  const newKey = (): TestKey => testKey(`${o.seed} ${keyCount++}`);
  const newKeys = (r: RoleOptions = {}): TestKey[] => Array.from({ length: r.keys ?? r.threshold ?? 1 }, newKey);

  const role = (name: string): Role => {
    const found = roles.get(name);
    if (found === undefined) throw new Error(`no role ${name}`);
    return found;
  };
  const addRole = (name: string, type: string, days: number, signers: TestKey[], fields: MutableObject): Role => {
    const common = { _type: type, spec_version: "1.0.31", version: 0, expires: tufTime(nowMs + days * DAY_MS) };
    const added: Role = { draft: { ...common, ...fields }, signers, version: 0, bytes: undefined };
    roles.set(name, added);
    return added;
  };
  /** Puts keys into a `keys` object and gives the rule that names them. */
  const rule = (keys: MutableJson, signers: readonly TestKey[], threshold: number): MutableObject => {
    for (const k of signers) put(keys, [k.id], keyObject(k.publicKey) as MutableObject);
    return { keyids: signers.map((k) => k.id), threshold };
  };
  const path = (name: string): string => {
    const prefix = name === "root" || (consistent && name !== "timestamp") ? `${role(name).version}.` : "";
    return `metadata/${prefix}${encodeURIComponent(name)}.json`;
  };
  const write = (name: string, signers: readonly TestKey[]): void => {
    const r = role(name);
    r.version = Number(r.draft["version"]) + 1;
    r.draft["version"] = r.version;
    r.bytes = signedFile(r.draft, signers);
    published.set(path(name), r.bytes);
  };
  const meta = (name: string): MutableObject => {
    const { version, bytes } = role(name);
    if (bytes === undefined) throw new Error(`${name} is not published`);
    return { version, ...(o.metaHashes ?? true ? { length: bytes.length, hashes: { sha256: sha256(bytes) } } : {}) };
  };

  const root = addRole("root", "root", 365, newKeys(o.roles?.root), {
    consistent_snapshot: consistent,
    keys: {},
    roles: {},
    ...o.rootFields,
  });
  addRole("timestamp", "timestamp", 2, newKeys(o.roles?.timestamp), { meta: {} });
  addRole("snapshot", "snapshot", 30, newKeys(o.roles?.snapshot), { meta: {} });
  addRole("targets", "targets", 90, newKeys(o.roles?.targets), { targets: {} });
  for (const name of ["root", "timestamp", "snapshot", "targets"] as const) {
    const threshold = o.roles?.[name]?.threshold ?? 1;
    put(root.draft, ["roles", name], rule(at(root.draft, "keys"), role(name).signers, threshold));
  }
  write("root", root.signers);
  const pinnedRoot = root.bytes ?? new Uint8Array();

  const delegationsOf = (parent: string): MutableObject => {
    const draft = role(parent).draft;
    draft["delegations"] ??= { keys: {} };
    return draft["delegations"] as MutableObject; // the builder puts nothing else there
  };

  const repository: TufRepository = {
    nowMs,
    pinnedRoot,
    files: () => new Map(published),
    path,
    bytes: (name) => role(name).bytes ?? new Uint8Array(),
    draft: (name) => role(name).draft,
    roles: () => [...roles.keys()].filter((name) => !["root", "timestamp", "snapshot"].includes(name)),
    signers: (name) => role(name).signers,
    newKey,
    addTarget: (targetPath, content, t = {}) => {
      const digest = sha256(content);
      const file: MutableObject = { length: content.length, hashes: { sha256: digest } };
      if (t.custom !== undefined) file["custom"] = t.custom;
      put(role(t.role ?? "targets").draft, ["targets", targetPath], file);
      const slash = targetPath.lastIndexOf("/") + 1;
      const name = consistent ? `${targetPath.slice(0, slash)}${digest}.${targetPath.slice(slash)}` : targetPath;
      published.set(`targets/${name}`, content);
    },
    delegate: (d) => {
      const delegations = delegationsOf(d.parent ?? "targets");
      const signers = d.signers ?? newKeys(d);
      const entry: MutableObject = {
        name: d.name,
        ...rule(at(delegations, "keys"), signers, d.threshold ?? 1),
        terminating: d.terminating ?? false,
      };
      if (d.pathHashPrefixes === undefined) entry["paths"] = [...(d.paths ?? ["*"])];
      else entry["path_hash_prefixes"] = [...d.pathHashPrefixes];
      delegations["roles"] = [...((delegations["roles"] ?? []) as MutableJson[]), entry]; // a list, or nothing yet
      if (!roles.has(d.name)) addRole(d.name, "targets", 90, [], { targets: {} });
      for (const k of signers) if (!role(d.name).signers.includes(k)) role(d.name).signers.push(k);
    },
    delegateSuccinctly: (s) => {
      const delegations = delegationsOf(s.parent ?? "targets");
      const signers = newKeys(s);
      delegations["succinct_roles"] = {
        ...rule(at(delegations, "keys"), signers, s.threshold ?? 1),
        bit_length: s.bitLength,
        name_prefix: s.namePrefix,
      };
      const bins = 2 ** s.bitLength, digits = (bins - 1).toString(16).length;
      for (let bin = 0; bin < bins; bin++) {
        addRole(`${s.namePrefix}-${bin.toString(16).padStart(digits, "0")}`, "targets", 90, signers, { targets: {} });
      }
    },
    publish: (...names) => {
      for (const name of names.length === 0 ? repository.roles() : names) {
        write(name, role(name).signers);
        put(role("snapshot").draft, ["meta", `${name}.json`], meta(name));
      }
      repository.refresh();
    },
    refresh: () => {
      write("snapshot", role("snapshot").signers);
      repository.publishTimestamp();
    },
    publishTimestamp: () => {
      put(role("timestamp").draft, ["meta", "snapshot.json"], meta("snapshot"));
      write("timestamp", role("timestamp").signers);
    },
    replace: (name, bytes) => {
      role(name).bytes = bytes;
      published.set(path(name), bytes);
      if (!["root", "timestamp", "snapshot"].includes(name)) {
        put(role("snapshot").draft, ["meta", `${name}.json`], meta(name));
      }
    },
    publishRoot: (also = []) => write("root", [...new Set([...also, ...root.signers])]),
    rotate: (name, r = {}) => {
      const before = [...root.signers];
      const signers = newKeys(r);
      const dropped = at(root.draft, "roles", name, "keyids") as string[]; // as `rule` made it
      role(name).signers.splice(0, Infinity, ...signers);
      put(root.draft, ["roles", name], rule(at(root.draft, "keys"), signers, r.threshold ?? 1));
      const named = new Set(Object.values(at(root.draft, "roles") as MutableObject).flatMap((x) => at(x, "keyids")));
      for (const id of dropped) if (!named.has(id)) put(root.draft, ["keys", id], undefined);
      repository.publishRoot(before);
    },
  };
  repository.publish();
  return repository;
}

/** A role's current file with one edit, signed again by the role's own keys: only what it says can be wrong. */
export function resigned(
  repo: TufRepository,
  role: string,
  path: readonly (string | number)[],
  to: MutableJson | undefined,
): Uint8Array {
  const { signed } = parseFile(repo.bytes(role));
  put(signed, path, to);
  return signedFile(signed, repo.signers(role));
}
