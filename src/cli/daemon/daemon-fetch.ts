// How a long-running process fetches an artifact: from its mirrors, its peers, and mirrors that peers name, at once.
// Design: docs/gossip.md, "Pieces for each other". Must not: put anything unproven anywhere.
import { join } from "node:path";
import type { Artifact, Opts, Verified } from "../../api.ts";
import { DEFAULT_PRIORITY } from "../../config/config.ts";
import type { Download } from "../../fetch/download.ts";
import { createHintBook } from "../../service/hint-book.ts";
import { findDeltaBase } from "../../sources/delta.ts";
import { createSources } from "../../sources/index.ts";
import type { Arguments } from "../command.ts";
import type { Context } from "../context.ts";
import { fetchTo } from "../download.ts";
import { forgetFailed, forgetUseless, hintedMirrors, withoutHints } from "../mirror-hints.ts";
import { mirrorsToAsk, type Session, withMirrors } from "../session.ts";
import type { DaemonLog } from "./daemon-log.ts";
import type { GossipLink } from "./daemon-gossip.ts";

/** Puts a proven artifact into `packages/`. @throws UpdateError */
export type BackgroundFetch = (c: Context, s: Session, wanted: Verified<Artifact>) => Promise<Download>;

export function createBackgroundFetch(a: Arguments, link: GossipLink, log: DaemonLog): BackgroundFetch {
  const book = createHintBook();
  return async (c, s, wanted) =>
    await withMirrors(c, a, s, async (client) => {
      const { packagesDir } = s.home, beganMs = performance.now();
      const base = await findDeltaBase(wanted, s.home);
      const mirrors = await mirrorsToAsk(c, s, s.state), node = link.node();
      const hints = node === undefined ? [] : await hintedMirrors(c, s, node, book);
      const sources = [
        ...createSources(mirrors, { ...s.home, client, base }),
        ...createSources(hints, { packagesDir, client }, "https"),
        ...node?.sources(DEFAULT_PRIORITY) ?? [],
      ];
      const asked = { ...s, health: withoutHints(s.health, hints) };
      const how = {
        newSources: node === undefined ? undefined : (o: Opts) => node.comingSources(DEFAULT_PRIORITY, o),
        onSources: (givers: readonly string[]) => log.downloading(wanted, givers),
        onReports: log.given,
        // Of the operator's own mirrors there are few.
        onTrouble: (source: string, text: string) =>
          mirrors.some(({ id }) => id === source) ? log.trouble(text) : log.noteOfPeer(text),
        onRefused: (source: string) => node?.shutOutSource(source),
      };
      const got = await fetchTo(c, asked, wanted, sources, join(packagesDir, wanted.name), how).catch((e) => {
        forgetFailed(book, hints, e);
        throw e;
      });
      forgetUseless(book, hints, got.sources);
      if (got.bytesFetched > 0) log.downloaded(wanted, got, performance.now() - beganMs);
      return got;
    });
}
