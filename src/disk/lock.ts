// One owner at a time for one resource, across processes. Design: "State on disk" of docs/architecture.md.
// A stale lock is recognised by its owner's identity, or by its missing heartbeat where that cannot be judged.
// Must not: let two owners in, whatever dies when.

import { randomBytes } from "node:crypto";
import { lstat, open, rm, utimes } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { LEFTOVER_SUFFIX, readFileBounded } from "./atomic-file.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export interface LockOpts extends Opts {
  /** How long to wait for another owner; 10 s by default, 0 asks once. */
  readonly waitMs?: number;
  /** Called once when the lock is found held by a living process. */
  readonly onWait?: (holder: LockHolder) => void;
}

export interface LockHolder {
  readonly pid: number;
}

// Long enough for any command that holds a lock for a moment, short enough not to look hung.
const DEFAULT_WAIT_MS = 10_000;
const POLL_MS = 50;
// The owner touches its lock this often, and a lock nobody can judge is stale after twenty missed touches.
const HEARTBEAT_MS = 3_000;
const STALE_MS = 60_000;
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
    // Only our own: while this machine slept, somebody may have judged it stale and taken over.
    if ((await readLock(lockFile))?.nonce === own.nonce) await rm(lockFile, { force: true });
  }
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
      o.onWait?.({ pid: holder.pid });
    }
    await delay(POLL_MS, undefined, { signal: o.signal });
  }
}

/** One attempt: takes a free lock, removes a stale one first. False when somebody holds it. */
async function tryAcquire(lockFile: string, own: LockContent): Promise<boolean> {
  if (await createLock(lockFile, own)) return true;
  const stale = await readLock(lockFile);
  if (stale === undefined) return await createLock(lockFile, own);
  if (!isStale(stale, own)) return false;
  // Of all who found this very lock stale only the holder of its guard, named after its nonce, may remove it, and only
  // if it still stands. Everybody then races for a free lock as usual. A guard is a lock like any other: if its holder
  // dies it is stale itself and is removed under a guard of its own.
  const guard = `${lockFile}.${stale.nonce}${LEFTOVER_SUFFIX}`;
  if (!(await tryAcquire(guard, own))) return false;
  try {
    if ((await readLock(lockFile))?.nonce === stale.nonce) await rm(lockFile, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
  return await createLock(lockFile, own);
}

async function createLock(lockFile: string, own: LockContent): Promise<boolean> {
  try {
    const handle = await open(lockFile, "wx", 0o600);
    try {
      await handle.writeFile(JSON.stringify(own));
    } catch (e) {
      await rm(lockFile, { force: true });
      throw e;
    } finally {
      await handle.close();
    }
    return true;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw asUpdateError(e, "E_IO");
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
    if ((e as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const cause = (e as Error).cause as NodeJS.ErrnoException | undefined;
    if (cause?.code === "ENOENT") return undefined;
    throw asUpdateError(e, "E_IO");
  }
}

/** A lock may be read before its owner has written it, or after a power cut emptied it: then only its age counts. */
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
