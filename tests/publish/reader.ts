// A reader of a published folder: our own TUF client over files, as a map of paths, at one moment or at several.
// Must not: read anything but what it is given.
import assert from "node:assert/strict";
import { applyBundle, readBundle } from "../../src/trust/bundle.ts";
import {
  acceptRoot,
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  type Clock,
  pinRoot,
  requireFreshRoot,
  type TrustState,
  wantedSnapshot,
  wantedTargets,
} from "../../src/trust/client.ts";
import { listReleases } from "../../src/trust/releases.ts";

export type Files = ReadonlyMap<string, Uint8Array>;

const strict = (nowMs: number): Clock => ({ nowMs, expired: "refuse" });

function file(files: Files, path: string): Uint8Array {
  return files.get(path) ?? assert.fail(`${path} is not there`);
}

export function pinned(files: Files): TrustState {
  return pinRoot(file(files, "metadata/1.root.json"));
}

/** All roots that are there. */
export function readRoots(state: TrustState, files: Files): TrustState {
  let next = state;
  for (;;) {
    const bytes = files.get(`metadata/${next.root.signed.version + 1}.root.json`);
    if (bytes === undefined) return next;
    next = acceptRoot(next, bytes);
  }
}

export function readTimestamp(state: TrustState, files: Files, nowMs: number): TrustState {
  requireFreshRoot(state, strict(nowMs));
  return acceptTimestamp(state, file(files, "metadata/timestamp.json"), strict(nowMs));
}

export function readRest(state: TrustState, files: Files, nowMs: number): TrustState {
  const clock = strict(nowMs);
  let next = state;
  const snapshot = wantedSnapshot(next, clock);
  if (!snapshot.present) {
    next = acceptSnapshot(next, file(files, `metadata/${snapshot.meta.version}.snapshot.json`), clock);
  }
  const targets = wantedTargets(next, "targets", "root", clock);
  if (targets.present) return next;
  return acceptTargets(next, "targets", "root", file(files, `metadata/${targets.meta.version}.targets.json`), clock);
}

/** The whole workflow at one moment. */
export function readAll(state: TrustState, files: Files, nowMs: number): TrustState {
  return readRest(readTimestamp(readRoots(state, files), files, nowMs), files, nowMs);
}

export function readBundleOf(files: Files, nowMs: number): TrustState {
  return applyBundle(pinned(files), readBundle(file(files, "bundle.json")), strict(nowMs));
}

/** `version platform` of every release, newest first. */
export function releasesOf(state: TrustState, nowMs: number): string[] {
  const { artifacts, unusable } = listReleases(state, strict(nowMs));
  assert.deepEqual(unusable, []);
  return artifacts.map((a) => `${a.version} ${a.platform}`);
}

export function versionsOf(s: TrustState): Record<string, number | undefined> {
  return {
    root: s.root.signed.version,
    targets: s.targets.get("targets")?.signed.version,
    snapshot: s.snapshot?.signed.version,
    timestamp: s.timestamp?.signed.version,
  };
}
