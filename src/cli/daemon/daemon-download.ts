// The daemon's downloads: what auto-update wants is fetched in the background, from mirrors and from peers at once.
// Design: docs/gossip.md. Must not: end because nobody has it now, or put anything unproven anywhere.
import { setTimeout as delay } from "node:timers/promises";
import type { Artifact, Verified } from "../../api.ts";
import { asUpdateError, isHomeError } from "../../errors.ts";
import { listReleases } from "../../trust/releases.ts";
import type { Arguments } from "../command.ts";
import type { Context } from "../context.ts";
import { ownPlatform } from "../own-platform.ts";
import { currentVersion, openSession, type Session, updateClock } from "../session.ts";
import type { Bell } from "./daemon-bell.ts";
import type { BackgroundFetch } from "./daemon-fetch.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { isLoud, QUIET_FAILURES } from "./loud-failure.ts";
import { wantedUpdate } from "./wanted-update.ts";
import { whileWanted } from "./while-wanted.ts";

/** A release of which no neighbour has a byte yet: it is on its way through the network. */
const FIRST_RETRY_MS = 2_000;
/** Twice as long each time, up to this: a mirror that is away is not burdened. */
const MAX_RETRY_MS = 30_000;
/** A network that hears of a release together does not fetch it together, and has heard of it before it is busy. */
const SPREAD_MS = 2_000;
/** Settings may have changed. */
const LOOK_MS = 600_000;

export interface DownloaderOptions {
  readonly fetch: BackgroundFetch;
  /** There may be something to fetch, and nothing more urgent is to be done. */
  readonly bell: Bell;
  /** What is wanted may have changed, also while something is being fetched. */
  readonly changes: Bell;
  readonly log: DaemonLog;
}

export interface Downloader {
  /** Runs until the signal, from the first ring on. Never throws. */
  run(): Promise<void>;
  /** Undefined when all is well, or nobody who could give it is there: that is for the network to mend. */
  problem(): string | undefined;
}

export function createDownloader(
  c: Context,
  a: Arguments,
  { fetch, bell, changes, log }: DownloaderOptions,
): Downloader {
  let failures = 0; // in a row
  let problem: string | undefined;

  async function fetchWanted({ session, wanted }: Order): Promise<void> {
    const isWanted = async () => {
      const order = await wantedNow(c, a);
      return order === "unreadable" || order?.wanted.sha256 === wanted.sha256;
    };
    const now = { ...c, nowMs: Date.now() };
    const got = await whileWanted(
      c.signal,
      changes,
      isWanted,
      async (signal) => await fetch({ ...now, signal }, session, wanted),
    );
    if (got !== undefined) return;
    log.note(`${wanted.name} is not wanted any more; what is here of it is kept for later`);
    bell.ring();
  }

  /** @returns how long to wait for the next look */
  async function look(): Promise<number> {
    try {
      const order = await wantedNow(c, a);
      if (typeof order === "object") await fetchWanted(order);
      failures = 0;
      problem = undefined;
      return LOOK_MS;
    } catch (e) {
      if (c.signal.aborted) return 0;
      const error = asUpdateError(e), { code, message } = error;
      log.failure("download", error);
      const isProblem = ++failures >= QUIET_FAILURES && isLoud(error);
      problem = isProblem ? `a download has failed ${failures} times in a row: ${code}: ${message}` : undefined;
      return Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS) * (0.5 + Math.random());
    }
  }

  return {
    problem: () => problem,
    async run() {
      let waitMs = LOOK_MS;
      for (;;) {
        const rang = await bell.wait(waitMs, c.signal);
        if (rang) await delay(SPREAD_MS * Math.random(), undefined, { signal: c.signal }).catch(() => {}); // looked at next
        if (c.signal.aborted) return;
        waitMs = await look();
      }
    },
  };
}

interface Order {
  readonly session: Session;
  readonly wanted: Verified<Artifact>;
}

/** @returns "unreadable" where the home cannot be read, which those who watch it tell; undefined when nothing is wanted */
async function wantedNow(context: Context, a: Arguments): Promise<Order | "unreadable" | undefined> {
  const c = { ...context, nowMs: Date.now() };
  try {
    const session = await openSession(c, a);
    if (!session.hasMetadata) return undefined;
    const { artifacts } = listReleases(session.state, updateClock(c));
    const current = await currentVersion(session.home, a);
    const wanted = wantedUpdate(artifacts, ownPlatform(), session.config.autoUpdate, current);
    return wanted === undefined ? undefined : { session, wanted };
  } catch (e) {
    if (isHomeError(e)) return "unreadable";
    throw e;
  }
}
