// One owner at a time for one resource, across processes. Design: "State on disk" of docs/architecture.md.
// A stale lock is recognised by its owner's identity, or by its missing heartbeat where that cannot be judged.
// Must not: let two owners in, whatever dies when.

import { randomBytes } from "node:crypto";
import { link, lstat, open, rm, utimes } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Opts } from "../api.ts";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { LEFTOVER_SUFFIX, readFileBounded } from "./atomic-file.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export interface LockOpts extends Opts {
  /** How long to wait for another owner; 10 s by default, 0 asks once. */
  readonly waitMs?: number;
  /** Called once when the lock is found held by a living process. What it throws ends the waiting. */
  readonly onWait?: (holder: LockHolder) => void;
}

export interface LockHolder {
  readonly pid: number;
  /** "unknown" for a process of another container, or where the platform does not tell. */
  readonly isAlive: boolean | "unknown";
}

// Long enough for any command that holds a lock for a moment, short enough not to look hung.
const DEFAULT_WAIT_MS = 10_000;
const POLL_MS = 50;
// The owner touches its lock this often, and a lock nobody can judge is stale after twenty missed touches.
const HEARTBEAT_MS = 3_000;
const STALE_MS = 60_000;
/** Long enough to see that an owner of whom nobody can say whether it lives is gone. */
export const UNSEEN_OWNER_WAIT_MS = STALE_MS + 15_000;
// Ours are about 200 bytes.
const MAX_LOCK_BYTES = 4096;

/** What a lock file holds. `nonce` tells one ownership from the next, even of the same process. */
interface LockContent extends ProcessIdentity {
  readonly nonce: string;
}

/**
 * Runs `fn` while this process alone holds `lockFile`. Its folder must exist.
 * @throws UpdateError E_LOCKED when another process still holds it after the wait; whatever `fn` throws
 */
export async function withLock<T>(lockFile: string, o: LockOpts, fn: () => Promise<T>): Promise<T> {
  const own: LockContent = { nonce: randomBytes(8).toString("hex"), ...ownIdentity() };
  await acquire(lockFile, own, o);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(lockFile, now, now).catch(() => {}); // a missed touch is one of twenty
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await fn();
  } finally {
    clearInterval(heartbeat);
    await release(lockFile, own).catch(() => {}); // what was done is done, and without its owner a lock is stale
  }
}

/** Only our own: while this machine slept, somebody may have judged it stale and taken over. */
async function release(lockFile: string, { nonce }: LockContent): Promise<void> {
  if ((await readLock(lockFile))?.nonce === nonce) await rm(lockFile, { force: true });
}

/** Who holds a lock now, as far as can be seen from here. @throws UpdateError E_IO */
export async function lockHolder(lockFile: string): Promise<LockHolder | undefined> {
  const found = await readLock(lockFile);
  if (found === undefined || found.pid === 0) return undefined;
  return { pid: found.pid, isAlive: isAlive(found, ownIdentity()) };
}

async function acquire(lockFile: string, own: LockContent, o: LockOpts): Promise<void> {
  const deadline = performance.now() + (o.waitMs ?? DEFAULT_WAIT_MS);
  let told = false;
  while (!(await tryAcquire(lockFile, own))) {
    o.signal.throwIfAborted();
    const holder = await readLock(lockFile);
    if (performance.now() >= deadline) throw lockedError(lockFile, holder);
    if (!told && holder !== undefined) {
      told = true;
      o.onWait?.({ pid: holder.pid, isAlive: holder.pid === 0 ? "unknown" : isAlive(holder, own) });
    }
    await delay(POLL_MS, undefined, { signal: o.signal });
  }
}

/** One attempt: takes a free lock, removes a stale one first. False when somebody holds it. */
async function tryAcquire(lockFile: string, own: LockContent): Promise<boolean> {
  const found = await readLock(lockFile);
  if (found === undefined) return await createLock(lockFile, own);
  if (!isStale(found, own)) return false;
  // Of all who found this very lock stale only the holder of its guard, named after its nonce, may remove it, and only
  // if it still stands. Everybody then races for a free lock as usual. A guard is a lock like any other: if its holder
  // dies it is stale itself and is removed under a guard of its own.
  const guard = `${lockFile}.${found.nonce}${LEFTOVER_SUFFIX}`;
  if (!(await tryAcquire(guard, own))) return false;
  try {
    if ((await readLock(lockFile))?.nonce === found.nonce) await rm(lockFile, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
  return await createLock(lockFile, own);
}

// What file systems without hard links answer; Android's policy says EACCES.
const CANNOT_LINK = new Set(["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/**
 * Puts a lock in place, whole: whoever is killed while writing it must not leave one that says nothing. False when
 * there is one already.
 */
async function createLock(lockFile: string, own: LockContent): Promise<boolean> {
  const draft = `${lockFile}.${randomBytes(6).toString("hex")}${LEFTOVER_SUFFIX}`;
  try {
    await createFile(draft, own);
    try {
      await link(draft, lockFile);
    } catch (e) {
      if (!CANNOT_LINK.has(systemCode(e) ?? "")) throw e;
      await createFile(lockFile, own);
    } finally {
      await rm(draft, { force: true });
    }
    return true;
  } catch (e) {
    if (systemCode(e) === "EEXIST") return false;
    throw asUpdateError(e, "E_IO");
  }
}

/** @throws the operating system's error; EEXIST when there is one already */
async function createFile(file: string, own: LockContent): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(JSON.stringify(own));
  } catch (e) {
    await rm(file, { force: true });
    throw e;
  } finally {
    await handle.close();
  }
}

interface FoundLock extends LockContent {
  readonly ageMs: number;
}

/** The lock that stands now; undefined when there is none. One that says nothing useful gets an identity nobody has. */
async function readLock(lockFile: string): Promise<FoundLock | undefined> {
  try {
    const info = await lstat(lockFile);
    // Anything else under this name, such as a link, was not made by us and says nothing.
    const isOurs = info.isFile() && info.size <= MAX_LOCK_BYTES;
    const text = isOurs ? new TextDecoder().decode(await readFileBounded(lockFile, MAX_LOCK_BYTES)) : "";
    return { ...parseLock(text, `${info.ino}-${info.mtimeMs}`), ageMs: Date.now() - info.mtimeMs };
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw asUpdateError(e, "E_IO");
  }
}

/**
 * A lock may say nothing after a power cut, or while its owner writes it where there are no hard links: then only its
 * age counts.
 */
function parseLock(text: string, fallbackNonce: string): LockContent {
  const unreadable = { nonce: fallbackNonce, pid: 0, startTime: null, bootId: null, pidNamespace: null };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return unreadable;
  }
  const { nonce, pid, startTime, bootId, pidNamespace } = (raw ?? {}) as Record<string, unknown>;
  const textOrNull = (v: unknown): v is string | null => v === null || typeof v === "string";
  if (typeof nonce !== "string" || !/^[0-9a-f]{16}$/.test(nonce)) return unreadable;
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 1) return unreadable;
  if (!textOrNull(startTime) || !textOrNull(bootId) || !textOrNull(pidNamespace)) return unreadable;
  return { nonce, pid, startTime, bootId, pidNamespace };
}

function isStale(lock: FoundLock, own: ProcessIdentity): boolean {
  const alive = lock.pid === 0 ? "unknown" : isAlive(lock, own);
  return alive === "unknown" ? lock.ageMs > STALE_MS : !alive;
}

function lockedError(lockFile: string, holder: FoundLock | undefined): UpdateError {
  const who = holder === undefined || holder.pid === 0 ? "another process" : `process ${holder.pid}`;
  return new UpdateError("E_LOCKED", `${JSON.stringify(lockFile)} is held by ${who}`, {
    hint: "wait for it to finish, or stop it, then try again",
  });
}
