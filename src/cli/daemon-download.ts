// The daemon's downloads: what auto-update wants is fetched in the background, from mirrors and from peers at once.
// Design: docs/gossip.md. Must not: end because nobody has it now, or put anything unproven anywhere.
import { join } from "node:path";
import { asUpdateError } from "../errors.ts";
import { DEFAULT_PRIORITY } from "../config/config.ts";
import type { GossipNode } from "../gossip/node.ts";
import { createHintBook, type HintBook } from "../service/hint-book.ts";
import { findDeltaBase } from "../sources/delta.ts";
import { createSources } from "../sources/index.ts";
import { platformName } from "../trust/naming.ts";
import { listReleases } from "../trust/releases.ts";
import type { Arguments } from "./command.ts";
import type { Context } from "./context.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { fetchTo } from "./download.ts";
import { forgetFailed, forgetUseless, hintedMirrors, withoutHints } from "./mirror-hints.ts";
import { currentVersion, mirrorsToAsk, openSession, updateClock, withMirrors } from "./session.ts";
import { wantedUpdate } from "./wanted-update.ts";

/** Rung when there may be something new. */
export interface Bell {
  ring(): void;
  /** Resolves when it rings, or rang since the last time; when the time is over; when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let hasRung = false;
  let wake = () => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async wait(ms, signal) {
      if (!hasRung && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const stop = () => resolve();
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", stop);
        wake = resolve;
        await promise;
        clearTimeout(timer);
        signal.removeEventListener("abort", stop); // it lives as long as the daemon
      }
      hasRung = false;
    },
  };
}

/** A release of which nobody has a byte yet, or a mirror that is away: soon enough, and no burden. */
const RETRY_MS = 30_000;
/** Settings may have changed. */
const LOOK_MS = 600_000;

/** Runs until the signal. Never throws. */
export async function keepDownloaded(
  c: Context,
  a: Arguments,
  node: GossipNode,
  bell: Bell,
  log: DaemonLog,
): Promise<void> {
  const book = createHintBook();
  while (!c.signal.aborted) {
    let waitMs = LOOK_MS;
    try {
      await downloadWanted({ ...c, nowMs: Date.now() }, a, node, book, log);
    } catch (e) {
      if (c.signal.aborted) return;
      log.failure("download", asUpdateError(e));
      waitMs = RETRY_MS * (0.5 + Math.random());
    }
    await bell.wait(waitMs, c.signal);
  }
}

async function downloadWanted(
  c: Context,
  a: Arguments,
  node: GossipNode,
  book: HintBook,
  log: DaemonLog,
): Promise<void> {
  const s = await openSession(c, a);
  if (!s.hasMetadata) return;
  const { artifacts } = listReleases(s.state, updateClock(c));
  const platform = platformName(process.platform, process.arch);
  const wanted = wantedUpdate(artifacts, platform, s.config.autoUpdate, await currentVersion(s.home, a));
  if (wanted === undefined) return;
  const { packagesDir } = s.home;
  await withMirrors(c, a, s, async (client) => {
    const base = await findDeltaBase(wanted, packagesDir);
    const mirrors = await mirrorsToAsk(c, s, s.state);
    const hints = await hintedMirrors(c, s, node, book);
    const sources = [
      ...createSources(mirrors, { packagesDir, client, base }),
      ...createSources(hints, { packagesDir, client }, "https"),
      ...node.sources(DEFAULT_PRIORITY),
    ];
    const beganMs = performance.now();
    const asked = { ...s, health: withoutHints(s.health, hints) };
    const got = await fetchTo(c, asked, wanted, sources, join(packagesDir, wanted.name), {}).catch((e) => {
      forgetFailed(book, hints, e);
      throw e;
    });
    forgetUseless(book, hints, got.sources);
    if (got.bytesFetched > 0) log.downloaded(wanted, got, performance.now() - beganMs);
  });
}
