// mirror-health.json: what mirrors were worth, kept from run to run. Design: docs/formats.md, mirror-health.json.
// It is advice: a file that is damaged or cannot be written costs experience and never a download.
// Must not: decide what an entry means; that is health-rules.ts.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { sweepLeftovers, writeFileAtomic } from "../disk/atomic-file.ts";
import { withLock } from "../disk/lock.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { Field } from "../trust/fields.ts";
import { type Json, parseJsonObject } from "../trust/json.ts";
import { jsonBytes, readFileIfThere } from "./home-file.ts";
import {
  foldRun,
  type HealthBook,
  MAX_REMEMBERED_MIRRORS,
  type MirrorHealth,
  type Observation,
} from "./health-rules.ts";
import type { Home } from "./home.ts";

const HEALTH_FORMAT = "dchat-mirror-health-1";
/** As many mirrors as are remembered, with the longest ids, come to some 1.2 MB. */
const MAX_HEALTH_BYTES = 2 * 2 ** 20;
/** A mirror's URL has at most 2048 characters; a host in punycode makes its id somewhat longer. */
const MAX_ID_LENGTH = 4096;
/** Whoever holds the lock writes one small file; longer than this is not worth waiting for advice. */
const LOCK_WAIT_MS = 2000;

export interface LoadedHealth {
  /** Empty when there is no file, or none that can be read. */
  readonly book: HealthBook;
  /** Why the file was not used. */
  readonly problem: UpdateError | undefined;
}

/** What is remembered in a home. Never throws. */
export async function readHealth(home: Home): Promise<LoadedHealth> {
  try {
    return { book: await readBook(home), problem: undefined };
  } catch (e) {
    return { book: new Map(), problem: asUpdateError(e, "E_IO") };
  }
}

/**
 * Adds what one run saw to what the file holds by then, so that a service and a command side by side lose nothing.
 * A file that does not read is set aside as `mirror-health.json.damaged`, and a new one begun.
 * @throws UpdateError E_LOCKED, E_IO, E_DISK_FULL; the old file then stands
 */
export async function recordRun(
  home: Home,
  seen: readonly Observation[],
  o: Opts & { readonly nowMs: number },
): Promise<void> {
  if (seen.length === 0) return;
  await withLock(join(home.dir, "mirror-health.lock"), { signal: o.signal, waitMs: LOCK_WAIT_MS }, async () => {
    await sweepLeftovers(home.dir);
    const next = foldRun(await readOrSetAside(home), seen, o.nowMs);
    await writeFileAtomic(home.healthFile, writeBook(next));
  });
}

async function readBook(home: Home): Promise<HealthBook> {
  const bytes = await readFileIfThere(home.healthFile, MAX_HEALTH_BYTES);
  return bytes === undefined ? new Map() : parseBook(bytes);
}

async function readOrSetAside(home: Home): Promise<HealthBook> {
  try {
    return await readBook(home);
  } catch (e) {
    if (!(e instanceof UpdateError) || (e.code !== "E_MALFORMED" && e.code !== "E_TOO_LARGE")) throw e;
    await rename(home.healthFile, `${home.healthFile}.damaged`).catch((cause) => {
      throw asUpdateError(cause, "E_IO");
    });
    return new Map();
  }
}

function parseBook(bytes: Uint8Array): HealthBook {
  const what = "mirror-health.json";
  const f = new Field(parseJsonObject(bytes, what), what);
  f.get("format").oneOf([HEALTH_FORMAT]);
  const mirrors = f.get("mirrors").entries();
  if (mirrors.length > MAX_REMEMBERED_MIRRORS) f.get("mirrors").fail(`more than ${MAX_REMEMBERED_MIRRORS} mirrors`);
  return new Map(mirrors.map(([id, m]) => [new Field(id, `${what}: the URL of a mirror`).line(MAX_ID_LENGTH), {
    latencyMs: m.get("latencyMs").optional(wholeNumber) ?? null,
    bytesPerSecond: m.get("bytesPerSecond").optional(wholeNumber) ?? null,
    successes: m.get("successes").integer(0),
    failures: m.get("failures").integer(0),
    consecutiveFailures: m.get("consecutiveFailures").integer(0),
    lies: m.get("lies").integer(0),
    lastSuccessMs: m.get("lastSuccess").optional(time) ?? null,
    lastFailureMs: m.get("lastFailure").optional(time) ?? null,
    lastLieMs: m.get("lastLie").optional(time) ?? null,
    lastSeenMs: time(m.get("lastSeen")),
    timestampVersion: m.get("timestampVersion").optional((v) => v.integer(1)) ?? null,
    isBehind: m.get("behind").boolean(),
  }]));
}

const wholeNumber = (f: Field): number => f.integer(0);
const time = (f: Field): number => Date.parse(f.rfc3339());

function writeBook(book: HealthBook): Uint8Array {
  const mirrors = Object.fromEntries([...book].map(([id, h]) => [id, entryJson(h)]));
  return jsonBytes({ format: HEALTH_FORMAT, mirrors });
}

function entryJson(h: MirrorHealth): Record<string, Json> {
  const fields: Record<string, Json> = {
    latencyMs: h.latencyMs,
    bytesPerSecond: h.bytesPerSecond,
    successes: h.successes,
    failures: h.failures,
    consecutiveFailures: h.consecutiveFailures,
    lies: h.lies,
    lastSuccess: timeText(h.lastSuccessMs),
    lastFailure: timeText(h.lastFailureMs),
    lastLie: timeText(h.lastLieMs),
    lastSeen: timeText(h.lastSeenMs),
    timestampVersion: h.timestampVersion,
    behind: h.isBehind,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

const timeText = (ms: number | null): string | null => ms === null ? null : new Date(ms).toISOString();
