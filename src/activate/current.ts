// current.json, the truth of what runs, and what was tried and did not start. Design: "The switch" of docs/activation.md.
// Each is one file, replaced in one step. Must not: decide, or touch a version's folder.
import { rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { corruptIfMalformed, jsonBytes, readFileIfThere } from "../config/home-file.ts";
import type { Home } from "../config/home.ts";
import { replaceFile, temporaryBeside, writeFileAtomic } from "../disk/atomic-file.ts";
import { Field } from "../trust/fields.ts";
import { type JsonObject, parseJsonObject } from "../trust/json.ts";
import { isVersion } from "../trust/naming.ts";

/** A version by its number and its bytes. */
export interface VersionRef {
  readonly version: string;
  /** Of the artifact; undefined in a file that something else wrote. */
  readonly sha256: string | undefined;
}

/** What runs on this node, or shall run when it is started. */
export interface Current extends VersionRef {
  /** The block from which it counts; undefined without a certificate. */
  readonly activationHeight: number | undefined;
  /** What ran before: where `rollback` leads. */
  readonly previous: VersionRef | undefined;
  /** RFC 3339. */
  readonly since: string | undefined;
}

/** The same number and the same bytes; or nothing, twice. */
export function isSameVersion(a: VersionRef | undefined, b: VersionRef | undefined): boolean {
  return a?.version === b?.version && a?.sha256 === b?.sha256;
}

/** What current.json says when `to` has taken the place of `from`. @param since RFC 3339 */
export function successor(
  from: VersionRef | undefined,
  to: VersionRef & Pick<Current, "activationHeight">,
  since: string,
): Current {
  const { version, sha256, activationHeight } = to;
  const previous = from === undefined ? undefined : { version: from.version, sha256: from.sha256 };
  return { version, sha256, activationHeight, previous, since };
}

// Ours are about 500 bytes; whoever else writes one may add a few fields.
const MAX_CURRENT_BYTES = 64 * 1024;

/** @throws UpdateError E_STATE_CORRUPT */
export async function readCurrent(home: Home): Promise<Current | undefined> {
  const f = await readCurrentFile(home);
  return f === undefined ? undefined : corruptIfMalformed(() => readCurrentField(f));
}

async function readCurrentFile(home: Home): Promise<Field | undefined> {
  const bytes = await readFileIfThere(home.currentFile, MAX_CURRENT_BYTES);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => new Field(parseJsonObject(bytes, "current.json"), "current.json"));
}

/** Its number alone, whatever else is wrong with the file: that is enough to say what is newer. @throws as `readCurrent` */
export async function readCurrentVersion(home: Home): Promise<string | undefined> {
  const f = await readCurrentFile(home);
  return f === undefined ? undefined : corruptIfMalformed(() => readVersion(f));
}

export function readCurrentField(f: Field): Current {
  return {
    ...readRef(f),
    activationHeight: f.get("activationHeight").optional((h) => h.integer(1)),
    previous: f.get("previous").optional(readRef),
    since: f.get("since").optional((t) => t.rfc3339()),
  };
}

function readRef(f: Field): VersionRef {
  return { version: readVersion(f), sha256: f.get("sha256").optional((s) => s.hex(32)) };
}

function readVersion(f: Field): string {
  const version = f.get("version").line(64);
  return isVersion(version) ? version : f.get("version").fail("must be a semantic version");
}

export function currentJson(c: Current): JsonObject {
  const { activationHeight, previous, since } = c;
  return {
    ...refJson(c),
    ...(activationHeight === undefined ? {} : { activationHeight }),
    ...(previous === undefined ? {} : { previous: refJson(previous) }),
    ...(since === undefined ? {} : { since }),
  };
}

const refJson = ({ version, sha256 }: VersionRef): JsonObject =>
  sha256 === undefined ? { version } : { version, sha256 };

/** To be called under the activation lock, by a switch. @throws UpdateError E_DISK_FULL, E_IO; the old one then stands */
export async function writeCurrent(home: Home, current: Current): Promise<void> {
  await writeFileAtomic(home.currentFile, jsonBytes(currentJson(current)));
}

/** Points the link for people at what runs. Never throws: nothing depends on it, and some systems have no links. */
export async function pointLink(home: Home, version: string): Promise<void> {
  const draft = temporaryBeside(home.currentLink);
  try {
    await symlink(relative(home.dir, join(home.versionsDir, version)), draft, "dir");
    await replaceFile(draft, home.currentLink);
  } catch {
    await rm(draft, { force: true }).catch(() => {});
  }
}

/** Bytes that did not start, or that the operator took back, at one height. They are not tried there again. */
export interface FailedSwitch {
  readonly version: string;
  readonly sha256: string;
  /** Undefined where no certificate named one. */
  readonly activationHeight: number | undefined;
  readonly why: string;
  /** RFC 3339. */
  readonly time: string;
}

// A node meets one or two in its life; whoever releases broken versions all day loses the oldest.
const MAX_FAILED = 64;
const MAX_FAILED_BYTES = 64 * 1024;
const MAX_WHY_LENGTH = 400;

/** Oldest first. @throws UpdateError E_STATE_CORRUPT */
export async function readFailed(home: Home): Promise<FailedSwitch[]> {
  const bytes = await readFileIfThere(home.failedFile, MAX_FAILED_BYTES);
  if (bytes === undefined) return [];
  return corruptIfMalformed(() => {
    const f = new Field(parseJsonObject(bytes, "failed-switches.json"), "failed-switches.json");
    f.get("format").oneOf(["dchat-failed-1"]);
    return f.get("failed").array().map((x) => ({
      version: x.get("version").line(64),
      sha256: x.get("sha256").hex(32),
      activationHeight: x.get("activationHeight").optional((h) => h.integer(1)),
      why: x.get("why").string(),
      time: x.get("time").rfc3339(),
    }));
  });
}

/** To be called under the activation lock. */
export async function addFailed(home: Home, failed: Omit<FailedSwitch, "time">): Promise<void> {
  const others = (await readFailed(home)).filter((f) => !isSameTry(f, failed));
  const entry = { ...failed, why: failed.why.slice(0, MAX_WHY_LENGTH), time: new Date().toISOString() };
  await writeFailed(home, [...others, entry].slice(-MAX_FAILED));
}

/** Lets these bytes be tried again: the operator says so. To be called under the activation lock. */
export async function forgetFailed(home: Home, sha256: string): Promise<void> {
  const all = await readFailed(home);
  const kept = all.filter((f) => f.sha256 !== sha256);
  if (kept.length !== all.length) await writeFailed(home, kept);
}

export function isSameTry(
  a: Pick<FailedSwitch, "sha256" | "activationHeight">,
  b: Pick<FailedSwitch, "sha256" | "activationHeight">,
): boolean {
  return a.sha256 === b.sha256 && a.activationHeight === b.activationHeight;
}

async function writeFailed(home: Home, all: readonly FailedSwitch[]): Promise<void> {
  const failed = all.map((
    { activationHeight, ...f },
  ) => (activationHeight === undefined ? f : { ...f, activationHeight }));
  await writeFileAtomic(home.failedFile, jsonBytes({ format: "dchat-failed-1", failed }));
}
