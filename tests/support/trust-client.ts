// Drives the pure functions of src/trust over a map of files, as an updater would over the network.
// Must not: judge anything itself, nor touch disk or network.
import { UpdateError } from "../../src/errors.ts";
import {
  acceptRoot,
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  type Clock,
  requireFreshRoot,
  type TrustState,
  wantedSnapshot,
  wantedTargets,
} from "../../src/trust/client.ts";
import { type SearchResult, searchTarget } from "../../src/trust/search.ts";

/** What a client asks for by path; a missing file is E_ABSENT. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** Where an attempt ended: everything that was accepted before the error stays accepted. */
export interface Attempt<T> {
  readonly state: TrustState;
  readonly value?: T;
  readonly error?: UpdateError;
}

function fetch(files: Files, path: string): Uint8Array {
  const bytes = files.get(path);
  if (bytes === undefined) throw new UpdateError("E_ABSENT", `${path} is not there`);
  return bytes;
}

/** Root chain, timestamp, snapshot, top-level targets; and the lookup of a target path where one is given. */
export function update(from: TrustState, files: Files, clock: Clock, targetPath?: string): Attempt<SearchResult> {
  let state = from;
  const prefix = (version: number) => (state.root.signed.consistentSnapshot ? `${version}.` : "");
  try {
    for (;;) {
      const next = files.get(`metadata/${state.root.signed.version + 1}.root.json`);
      if (next === undefined) break;
      state = acceptRoot(state, next);
    }
    requireFreshRoot(state, clock);
    state = acceptTimestamp(state, fetch(files, "metadata/timestamp.json"), clock);
    const snapshot = wantedSnapshot(state, clock);
    if (!snapshot.present) {
      const path = `metadata/${prefix(snapshot.meta.version)}snapshot.json`;
      state = acceptSnapshot(state, fetch(files, path), clock);
    }
    const load = (name: string, parent: string) => {
      const wanted = wantedTargets(state, name, parent, clock);
      if (wanted.present) return;
      const path = `metadata/${prefix(wanted.meta.version)}${encodeURIComponent(name)}.json`;
      state = acceptTargets(state, name, parent, fetch(files, path), clock);
    };
    load("targets", "root");
    if (targetPath === undefined) return { state };
    for (;;) {
      const value = searchTarget(state, targetPath, clock);
      if (value.kind !== "need") return { state, value };
      load(value.role.name, value.role.parent);
    }
  } catch (error) {
    if (error instanceof UpdateError) return { state, error };
    throw error;
  }
}

/** As `update`, for tests in which nothing may go wrong. */
export function updated(from: TrustState, files: Files, clock: Clock, targetPath?: string): TrustState {
  const { state, error } = update(from, files, clock, targetPath);
  if (error !== undefined) throw error;
  return state;
}

/** A clock that refuses what has expired. */
export function strictClock(nowMs: number): Clock {
  return { nowMs, expired: "refuse" };
}
