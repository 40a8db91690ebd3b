// What an attacker publishes who holds some of the keys, or none: a repository's next metadata with chosen faults.
// Must not: change the repository; each forgery starts from what it last published.
import {
  at,
  type MutableJson,
  type MutableObject,
  parseFile,
  put,
  sha256,
  signedFile,
  type TestKey,
} from "../signed-file.ts";
import type { TufRepository } from "../tuf-repository.ts";

export type Say = (signed: MutableObject) => void;
/** From what a role says, and the keys that should sign it, to its file. */
export type Sign = (signed: MutableObject, keys: readonly TestKey[]) => Uint8Array;

export interface Forgery {
  /** By role: changes what it says, after everything it names was filled in. */
  readonly says?: Readonly<Record<string, Say>>;
  /** By role: how it is signed, if not properly. */
  readonly signs?: Readonly<Record<string, Sign>>;
}

/** Everything the repository has published, and the next version of each role in question and of all that name it. */
export function forge(repository: TufRepository, { says = {}, signs = {} }: Forgery): Map<string, Uint8Array> {
  const files = repository.files();
  const next = (role: string, names: Say = () => {}): Uint8Array => {
    const { signed } = parseFile(repository.bytes(role));
    const version = Number(signed["version"]) + 1;
    put(signed, ["version"], version);
    names(signed);
    says[role]?.(signed);
    const file = (signs[role] ?? signedFile)(signed, repository.signers(role));
    files.set(role === "timestamp" ? "metadata/timestamp.json" : `metadata/${version}.${role}.json`, file);
    return file;
  };
  const named = (parent: MutableObject, name: string, file: Uint8Array): void => {
    const meta = at(parent, "meta", name) as MutableObject; // what a parent says of a file is an object
    meta["version"] = Number(meta["version"]) + 1;
    if (meta["hashes"] === undefined) return;
    meta["length"] = file.length;
    meta["hashes"] = { sha256: sha256(file) };
  };
  const isTouched = (role: string) => role in says || role in signs;
  if (isTouched("root")) next("root");
  const touched = [...new Set([...Object.keys(says), ...Object.keys(signs)])]
    .filter((role) => !["root", "timestamp", "snapshot"].includes(role))
    .map((role): [string, Uint8Array] => [`${role}.json`, next(role)]);
  const snapshot = next("snapshot", (s) => touched.forEach(([name, file]) => named(s, name, file)));
  next("timestamp", (t) => named(t, "snapshot.json", snapshot));
  return files;
}

/** Sets one field. */
export const says = (path: readonly (string | number)[], to: MutableJson | undefined): Say => (signed) =>
  put(signed, path, to);

/** The highest version of a role's file, as an attacker without keys can find and replace it. */
export function pathOf(files: ReadonlyMap<string, Uint8Array>, role: string): string {
  if (role === "timestamp") return "metadata/timestamp.json";
  const suffix = `.${role}.json`;
  const versions = [...files.keys()].filter((p) => p.endsWith(suffix)).map((p) => Number.parseInt(p.slice(9), 10));
  return `metadata/${Math.max(...versions)}${suffix}`;
}

/** The files with that of one role replaced. */
export function replaced(
  files: ReadonlyMap<string, Uint8Array>,
  role: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Map<string, Uint8Array> {
  const path = pathOf(files, role);
  const bytes = files.get(path);
  if (bytes === undefined) throw new Error(`no file ${path}`);
  return new Map([...files, [path, change(bytes)]]);
}
