// One version takes the place of another, resumable at any instruction. Design: "The switch" of docs/activation.md.
// current.json is the truth: replacing it is the moment of the switch. The journal says that one is on its way, so that
// whoever comes after a crash finds one of two ends. Must not: start or stop a process, or judge whether to switch.
import { rm } from "node:fs/promises";
import type { Opts } from "../api.ts";
import { corruptIfMalformed, jsonBytes, readFileIfThere } from "../config/home-file.ts";
import type { Home } from "../config/home.ts";
import { fsyncFolder, sweepLeftovers, writeFileAtomic } from "../disk/atomic-file.ts";
import { type LockOpts, withLock } from "../disk/lock.ts";
import { asUpdateError } from "../errors.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import {
  addFailed,
  type Current,
  currentJson,
  isSameVersion,
  pointLink,
  readCurrent,
  readCurrentField,
  writeCurrent,
} from "./current.ts";

/** A switch on its way. */
export interface Journal {
  /** Undefined at the first installation. */
  readonly from: Current | undefined;
  readonly to: Current;
  /** True when a supervisor asks the new version's health before the switch is over. */
  readonly supervised: boolean;
}

/** How far a switch had come: "old" as if it had never begun, "new" made, but its health not yet known. */
export type SwitchEnd = "old" | "new";

const JOURNAL_FORMAT = "dchat-journal-1";
const MAX_JOURNAL_BYTES = 64 * 1024;
// A supervisor holds the lock while it asks for the new version's health; staging a large version takes seconds.
const LOCK_WAIT_MS = 120_000;

/** Runs `fn` while nobody else stages, switches or removes versions of this home. @throws UpdateError E_LOCKED */
export async function withActivation<T>(home: Home, o: Opts & Partial<LockOpts>, fn: () => Promise<T>): Promise<T> {
  return await withLock(home.activationLock, { waitMs: LOCK_WAIT_MS, ...o }, async () => {
    await sweepLeftovers(home.dir);
    return await fn();
  });
}

/** @throws UpdateError E_STATE_CORRUPT */
export async function readJournal(home: Home): Promise<Journal | undefined> {
  const bytes = await readFileIfThere(home.journalFile, MAX_JOURNAL_BYTES);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => {
    const f = new Field(parseJsonObject(bytes, "journal.json"), "journal.json");
    f.get("format").oneOf([JOURNAL_FORMAT]);
    return {
      from: f.get("from").optional(readCurrentField),
      to: readCurrentField(f.get("to")),
      supervised: f.get("supervised").boolean(),
    };
  });
}

/** Says that a switch is on its way; nothing has changed yet. */
export async function beginSwitch(home: Home, journal: Journal): Promise<void> {
  const { from, to, supervised } = journal;
  const document = { format: JOURNAL_FORMAT, supervised, to: currentJson(to) };
  await writeFileAtomic(
    home.journalFile,
    jsonBytes(from === undefined ? document : { ...document, from: currentJson(from) }),
  );
}

/** The moment of the switch. */
export async function makeSwitch(home: Home, { to }: Journal): Promise<void> {
  await writeCurrent(home, to);
  await pointLink(home, to.version);
}

/** The switch is over: what current.json says stays. */
export async function endSwitch(home: Home): Promise<void> {
  try {
    await rm(home.journalFile, { force: true });
    await fsyncFolder(home.dir);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}

/**
 * Takes a made switch back: first the new version is noted as failed, so that a crash in between cannot make it be
 * tried again. @returns what runs again; undefined when nothing ran before
 */
export async function undoSwitch(home: Home, journal: Journal, why: string): Promise<Current | undefined> {
  const { from, to } = journal;
  const { version, sha256 = "", activationHeight } = to;
  await addFailed(home, { version, sha256, activationHeight, why });
  if (from === undefined) await removeCurrent(home);
  else {
    await writeCurrent(home, from);
    await pointLink(home, from.version);
  }
  await endSwitch(home);
  return from;
}

async function removeCurrent(home: Home): Promise<void> {
  try {
    await rm(home.currentLink, { force: true });
    await rm(home.currentFile, { force: true });
    await fsyncFolder(home.dir);
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}

/** Which end a journal that was found has to lead to. */
export function endOf(journal: Journal, current: Current | undefined): SwitchEnd {
  return isSameVersion(current, journal.to) ? "new" : "old";
}

/** Brings a switch that was cut short to the end that current.json says, without a word on its health. */
export async function settleSwitch(home: Home): Promise<SwitchEnd | undefined> {
  const journal = await readJournal(home);
  if (journal === undefined) return undefined;
  const current = await readCurrent(home);
  if (current !== undefined) await pointLink(home, current.version);
  await endSwitch(home);
  return endOf(journal, current);
}

/** A whole switch by hand: nobody asks for the new version's health. To be called under the activation lock. */
export async function switchByHand(home: Home, from: Current | undefined, to: Current): Promise<void> {
  const journal = { from, to, supervised: false };
  await beginSwitch(home, journal);
  await makeSwitch(home, journal);
  await endSwitch(home);
}
