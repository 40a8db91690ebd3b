// Trust on disk, forward only: the product's one atomic file and the library's folder of plain file names.
// Design: "State on disk". Both hold bytes; what they mean is verified again by whoever loads them.
// Must not: decide what is trusted; only which of two states is newer.
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Opts } from "../api.ts";
import { sweepLeftovers, writeFileAtomic } from "../disk/atomic-file.ts";
import { withLock } from "../disk/lock.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { Field } from "../trust/fields.ts";
import { type Json, parseJsonObject } from "../trust/json.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import { readStoredSchedule, type ScheduleRecord, storedSchedule } from "../trust/schedule-record.ts";
import { withSchedule } from "../trust/schedule.ts";
import { restoreTrust, type StoredTrust, storedTrust } from "../trust/stored-trust.ts";
import { corruptIfMalformed, readFileIfThere, readStateIfThere } from "./home-file.ts";

/** Where trusted metadata is kept. */
export interface TrustStore {
  /** Undefined when nothing was ever stored. @throws UpdateError E_STATE_CORRUPT */
  load(): Promise<TrustState | undefined>;
  /** Stores the state unless what is stored is newer. Complete states name all of their files. */
  save(state: TrustState, step: "incomplete" | "complete", o: Opts): Promise<void>;
}

/** The product's store can be pinned anew, on the operator's explicit word. */
export interface HomeTrustStore extends TrustStore {
  /** Forgets everything and trusts this root alone. */
  replace(pinned: TrustState, o: Opts): Promise<void>;
  /** Adds what a record knows to the stored schedule. @returns what is stored then; undefined when nothing was ever stored */
  addSchedule(record: ScheduleRecord, o: Opts): Promise<TrustState | undefined>;
}

/** True when `a` must not be replaced by `b`: a newer root, or the same root with a newer timestamp. */
function isNewer(a: TrustState, b: TrustState): boolean {
  const roots = a.root.signed.version - b.root.signed.version;
  return roots !== 0 ? roots > 0 : (a.timestamp?.signed.version ?? 0) > (b.timestamp?.signed.version ?? 0);
}

const STATE_FORMAT = "dchat-trust-1";
/** All that is public fits into a bundle of 8 MiB; votes add 4 MiB. The rest is for schedules with very many governors. */
const MAX_STATE_BYTES = 64 * 2 ** 20;

/** Nobody mends signatures by hand. */
const PIN_AGAIN = "restore the home folder from a backup, or pin the root again with `init --force`";

/**
 * One file, replaced in one step. An incomplete state is stored only for its roots: until an update is whole, the last
 * whole set keeps answering, so that a mirror which gives half of one takes nothing away.
 */
export function createHomeTrustStore(file: string): HomeTrustStore {
  const load = async () => {
    const bytes = await readStateIfThere(file, MAX_STATE_BYTES, PIN_AGAIN);
    return bytes === undefined ? undefined : restoreTrust(corruptIfMalformed(() => readState(bytes), PIN_AGAIN));
  };
  /** Writes only what is not there already. */
  const write = async (state: TrustState) => {
    const next = writeState(state);
    const old = await readFileIfThere(file, MAX_STATE_BYTES);
    if (old === undefined || !equalBytes(old, next)) await writeFileAtomic(file, next);
  };
  return {
    load,
    async replace(pinned, o) {
      await withLock(`${file}.lock`, o, async () => await writeFileAtomic(file, writeState(pinned)));
    },
    async save(state, step, o) {
      await mkdir(dirname(file), { recursive: true });
      await withLock(`${file}.lock`, o, async () => {
        await sweepLeftovers(dirname(file));
        const stored = await load();
        if (stored !== undefined && isNewer(stored, state)) return await write(withSchedule(stored, state.schedule));
        if (stored === undefined) return await write(state);
        if (step === "complete") return await write(withSchedule(state, stored.schedule));
        if (state.root.signed.version === stored.root.signed.version) return;
        // restoreTrust has dropped, or drops at the next load, what the new root does not vouch for.
        const { root, rootChain, timestamp } = state;
        const kept = timestamp === undefined
          ? { timestamp: undefined, snapshot: undefined, targets: new Map() }
          : { timestamp: stored.timestamp, snapshot: stored.snapshot, targets: stored.targets };
        await write(withSchedule({ root, rootChain, ...kept, schedule: stored.schedule }, state.schedule));
      });
    },
    addSchedule: (record, o) =>
      withLock(`${file}.lock`, o, async () => {
        const stored = await load();
        if (stored === undefined) return undefined;
        const next = withSchedule(stored, record);
        await write(next);
        return next;
      }),
  };
}

function readState(bytes: Uint8Array): StoredTrust {
  const f = new Field(parseJsonObject(bytes, "trust/state.json"), "trust/state.json");
  f.get("format").oneOf([STATE_FORMAT]);
  const text = (t: Field) => new TextEncoder().encode(t.string());
  return {
    roots: f.get("roots").array().map(text),
    timestamp: f.get("timestamp").optional(text),
    snapshot: f.get("snapshot").optional(text),
    targets: new Map(f.get("targets").entries().map(([name, t]) => [name, text(t)])),
    schedule: f.get("schedule").optional(readStoredSchedule),
  };
}

function writeState(state: TrustState): Uint8Array {
  const { roots, timestamp, snapshot, targets, schedule } = storedTrust(state);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const document: Record<string, Json> = {
    format: STATE_FORMAT,
    roots: roots.map((r) => decoder.decode(r)),
    targets: Object.fromEntries([...targets].map(([name, bytes]) => [name, decoder.decode(bytes)])),
  };
  if (timestamp !== undefined) document["timestamp"] = decoder.decode(timestamp);
  if (snapshot !== undefined) document["snapshot"] = decoder.decode(snapshot);
  if (schedule !== undefined && schedule.certificates.size > 0) document["schedule"] = storedSchedule(schedule);
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  if (bytes.length <= MAX_STATE_BYTES) return bytes;
  // What could not be read again must not replace what can.
  throw new UpdateError(
    "E_TOO_LARGE",
    `the trust state would have ${bytes.length} bytes, at most ${MAX_STATE_BYTES} are kept`,
  );
}

/**
 * A folder with `root.json`, `timestamp.json`, `snapshot.json`, `targets.json` and a file for each delegated role, as
 * other TUF clients keep it. Every accepted file is stored at once, as the specification's workflow says.
 * @param quoteRole turns a role name into a file name
 */
export function createFolderTrustStore(dir: string, quoteRole: (name: string) => string): TrustStore {
  const fileOf = (role: string) => join(dir, `${quoteRole(role)}.json`);
  const read = (role: string, max: number) => readFileIfThere(fileOf(role), max);
  /** A file that is too large was never accepted: as if it were not there, it is fetched again. */
  const unlessTooLarge = async (reading: Promise<Uint8Array | undefined>) => {
    try {
      return await reading;
    } catch (e) {
      if (e instanceof UpdateError && e.code === "E_TOO_LARGE") return undefined;
      throw e;
    }
  };
  const load = async () => {
    const root = await read("root", MAX_METADATA_BYTES.root);
    if (root === undefined) return undefined;
    const names = (await readdir(dir)).filter((n) => n.endsWith(".json")).map((n) => n.slice(0, -".json".length));
    const targets = new Map<string, Uint8Array>();
    for (const quoted of names) {
      if (["root", "timestamp", "snapshot"].includes(quoted)) continue;
      const role = unquote(quoted);
      const bytes = await unlessTooLarge(readFileIfThere(join(dir, `${quoted}.json`), MAX_METADATA_BYTES.targets));
      if (role !== undefined && bytes !== undefined) targets.set(role, bytes);
    }
    return restoreTrust({
      roots: [root],
      timestamp: await unlessTooLarge(read("timestamp", MAX_METADATA_BYTES.timestamp)),
      snapshot: await unlessTooLarge(read("snapshot", MAX_METADATA_BYTES.snapshot)),
      targets,
    });
  };
  const write = async (role: string, next: Uint8Array | undefined) => {
    if (next === undefined) return;
    const old = await read(role, next.length).catch(() => undefined); // too large means different
    if (old === undefined || !equalBytes(old, next)) await writeFileAtomic(fileOf(role), next);
  };
  return {
    load,
    async save(state, _step, o) {
      try {
        await mkdir(dir, { recursive: true });
        await sweepLeftovers(dir);
        await withLock(join(dir, ".lock"), o, async () => {
          const stored = await load();
          if (stored !== undefined && isNewer(stored, state)) return;
          const { roots, timestamp, snapshot, targets } = storedTrust(state);
          await write("root", roots.at(-1));
          // TUF 5.3.11: what a rotated key signed is deleted, after the root that says so is there.
          if (timestamp === undefined) {
            for (const role of ["timestamp", "snapshot"]) await rm(fileOf(role), { force: true });
          }
          await write("timestamp", timestamp);
          await write("snapshot", snapshot);
          for (const [role, bytes] of targets) await write(role, bytes);
        });
      } catch (e) {
        throw asUpdateError(e, "E_IO");
      }
    },
  };
}

function unquote(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined; // not a file of ours
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
