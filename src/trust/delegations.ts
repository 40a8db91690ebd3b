// Delegations: who may speak for which target paths. TUF 4.5 (delegations), 5.6.7 (the search), TAP 15 (succinct roles).
// Must not: fetch or verify anything; the order in which roles are asked is decided here, the asking in client.ts.
import type { Field } from "./fields.ts";
import { fromHex, sha256Hex } from "./hex.ts";
import { type KeyRing, readKeys, readRoleKeys, type RoleKeys } from "./keys.ts";

/** A role that a targets file delegates to. */
export interface DelegatedRole extends RoleKeys {
  readonly name: string;
  readonly terminating: boolean;
  /** True when the role may speak for this target path. */
  speaksFor(targetPath: string): boolean;
}

export interface Delegations {
  readonly keys: KeyRing;
  /** In file order, the delegated role that would be asked for a path; succinct roles give exactly one. */
  rolesFor(targetPath: string): readonly DelegatedRole[];
  /** A role by its name, or undefined. */
  role(name: string): DelegatedRole | undefined;
  /** All named roles in file order; empty for succinct ones. */
  all(): readonly DelegatedRole[];
}

/** Bounds for one targets file. 4096 hash bins are what very large public repositories use. */
const MAX_ROLES = 4096;
const MAX_PATTERNS = 4096;
const MAX_SUCCINCT_BITS = 12;
/** Characters of a pattern, and of a path that a pattern can match: more than any real one, and a bound for the work. */
const MAX_PATH_LENGTH = 1024;

const RESERVED: ReadonlySet<string> = new Set(["root", "timestamp", "snapshot", "targets"]);

export function readDelegations(f: Field): Delegations {
  const keys = readKeys(f.get("keys"));
  const hasRoles = f.get("roles").present, isSuccinct = f.get("succinct_roles").present;
  if (hasRoles === isSuccinct) return f.fail("must have either roles or succinct_roles");
  return isSuccinct ? readSuccinctRoles(f.get("succinct_roles"), keys) : readNamedRoles(f.get("roles"), keys);
}

function readNamedRoles(list: Field, keys: KeyRing): Delegations {
  const entries = list.array();
  if (entries.length > MAX_ROLES) list.fail(`more than ${MAX_ROLES} delegated roles`);
  const byName = new Map<string, DelegatedRole>();
  for (const entry of entries) {
    const role = readNamedRole(entry);
    if (RESERVED.has(role.name)) entry.get("name").fail("is the name of a top-level role");
    if (byName.has(role.name)) entry.get("name").fail("names a role twice");
    byName.set(role.name, role);
  }
  const all = [...byName.values()];
  return {
    keys,
    rolesFor: (path) => all.filter((role) => role.speaksFor(path)),
    role: (name) => byName.get(name),
    all: () => all,
  };
}

function readNamedRole(f: Field): DelegatedRole {
  const paths = f.get("paths").optional(readStrings);
  const prefixes = f.get("path_hash_prefixes").optional(readStrings);
  if ((paths === undefined) === (prefixes === undefined)) {
    return f.fail("must have either paths or path_hash_prefixes");
  }
  return {
    name: f.get("name").line(),
    ...readRoleKeys(f),
    terminating: f.get("terminating").boolean(),
    speaksFor: paths !== undefined ? anyPattern(paths) : anyHashPrefix(prefixes ?? []),
  };
}

function readStrings(f: Field): readonly string[] {
  const list = f.array();
  return list.length > MAX_PATTERNS
    ? f.fail(`more than ${MAX_PATTERNS} entries`)
    : list.map((e) => e.line(MAX_PATH_LENGTH));
}

/** The last answer of `pathHash`: one lookup asks thousands of hash bins about the same path. */
let hashed = { path: "", hash: "" };

/** SHA-256 of the path's UTF-8 bytes: how hash bins place a target. */
function pathHash(path: string): string {
  if (hashed.path !== path || hashed.hash === "") hashed = { path, hash: sha256Hex(new TextEncoder().encode(path)) };
  return hashed.hash;
}

function anyHashPrefix(prefixes: readonly string[]): (path: string) => boolean {
  return (path) => {
    const hash = pathHash(path);
    return prefixes.some((prefix) => hash.startsWith(prefix));
  };
}

function anyPattern(patterns: readonly string[]): (path: string) => boolean {
  const split = patterns.map((p) => p.split("/"));
  return (path) => {
    if (path.length > MAX_PATH_LENGTH) return false;
    const segments = path.split("/");
    return split.some((p) => p.length === segments.length && p.every((s, i) => matchSegment(s, segments[i] ?? "")));
  };
}

/**
 * Shell-style `*` and `?` inside one path segment; a separator is never matched (TUF 4.5 PATHPATTERN).
 * Linear in the product of the lengths: patterns come from outside, a regular expression could be made to hang.
 */
export function matchSegment(pattern: string, text: string): boolean {
  let p = 0, t = 0, starAt = -1, starText = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      starAt = p++;
      starText = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function readSuccinctRoles(f: Field, keys: KeyRing): Delegations {
  const shared = readRoleKeys(f);
  const bits = f.get("bit_length").integer(1);
  if (bits > MAX_SUCCINCT_BITS) f.get("bit_length").fail(`must be at most ${MAX_SUCCINCT_BITS}`);
  const prefix = f.get("name_prefix").line();
  const digits = (2 ** bits - 1).toString(16).length;
  const binName = (bin: number) => `${prefix}-${bin.toString(16).padStart(digits, "0")}`;
  const binOf = (path: string) => parseInt(pathHash(path).slice(0, 8), 16) >>> (32 - bits);
  const bin = (n: number): DelegatedRole => ({
    name: binName(n),
    ...shared,
    terminating: true,
    speaksFor: (path) => binOf(path) === n,
  });
  return {
    keys,
    rolesFor: (path) => [bin(binOf(path))],
    role: (name) => {
      const hex = name.slice(prefix.length + 1).padStart(8, "0");
      const n = fromHex(hex, 4) === undefined ? -1 : parseInt(hex, 16);
      return n >= 0 && n < 2 ** bits && binName(n) === name ? bin(n) : undefined;
    },
    all: () => [],
  };
}
