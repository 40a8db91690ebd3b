// Mirrors that peers tell of: which ones this node tells, and how it uses what it is told.
// Design: docs/gossip.md, "Mirrors that peers know". A stranger's URL is asked last and at public addresses only, each
// connection at exactly the addresses that were judged (src/net/). Must not: tell of what is private, or keep a hint.
import { lookup } from "node:dns/promises";
import { type Observation, setAsideUntilMs } from "../config/health-rules.ts";
import { AllSourcesFailedError } from "../errors.ts";
import type { SourceReport } from "../fetch/source-report.ts";
import { isHint } from "../gossip/mirror-hints.ts";
import type { GossipNode } from "../gossip/node.ts";
import { classifyAddress } from "../net/address.ts";
import type { HopRules } from "../net/hop.ts";
import { refusedByText } from "../net/public-only.ts";
import { hostOf, proxyFor } from "../net/proxy-env.ts";
import type { HintBook } from "../service/hint-book.ts";
import type { ConfiguredMirror } from "../sources/index.ts";
import type { Context } from "./context.ts";
import type { HealthLog } from "./mirror-health.ts";
import { loadKnownMirrors, shownUrl } from "./known-mirrors.ts";
import type { Session } from "./session.ts";

/** Behind every priority that can be configured: what strangers name is asked when nothing else is enough. */
const HINT_PRIORITY = Number.MAX_SAFE_INTEGER;

/** Mirrors that worked for this node, for peers that ask. A mirror inside its own network is nobody else's business. */
export async function mirrorsToTell(c: Context, s: Session): Promise<string[]> {
  const known = await loadKnownMirrors(s.home, s.config, s.state);
  const worked = known.filter((m) => {
    const health = s.health.known.get(m.id);
    const isWell = health?.lastSuccessMs != null && setAsideUntilMs(health, c.nowMs) === undefined && health.lies === 0;
    // What its URL says besides the path may be a secret.
    return m.type === "https" && isWell && m.url.replace(/\/+$/, "") === m.id && isHint(m.id);
  });
  const told = await Promise.all(worked.map(async ({ id }) => await isPublic(id, s.rules) ? [id] : []));
  return told.flat();
}

async function isPublic(url: string, rules: HopRules): Promise<boolean> {
  if (refusedByText(url, rules) !== undefined) return false;
  if (rules.allowPrivate) return true;
  const host = hostOf(new URL(url));
  if (classifyAddress(host) !== undefined) return true; // the text was judged
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.length > 0 && found.every(({ address }) => classifyAddress(address) === "public");
}

/** Asks peers for mirrors. @returns all hints that may be tried, as mirrors of the lowest class */
export async function hintedMirrors(
  c: Context,
  s: Session,
  node: GossipNode,
  book: HintBook,
): Promise<ConfiguredMirror[]> {
  const own = new Set((await loadKnownMirrors(s.home, s.config, s.state)).map((m) => m.id));
  const isKnown = (url: string) => own.has(shownUrl({ url, type: "https" }));
  for (const { peer, urls } of await node.mirrorHints()) book.learn(peer, urls, isKnown);
  return book.urls().filter((url) => mayTry(url, s.rules, c.env))
    .map((url) => ({ url, type: "https", priority: HINT_PRIORITY, origin: "hint" }));
}

/** A proxy resolves names itself, inside the operator's network: nobody here could judge where that leads. */
function mayTry(url: string, rules: HopRules, env: Context["env"]): boolean {
  return refusedByText(url, rules) === undefined && proxyFor(new URL(url), env) === undefined;
}

/** Hints leave no trace in the memory of mirrors. */
export function withoutHints(health: HealthLog, hints: readonly ConfiguredMirror[]): HealthLog {
  const ids = new Set(hints.map(shownHint));
  return { ...health, note: (...seen: Observation[]) => health.note(...seen.filter((o) => !ids.has(o.id))) };
}

/** After a download that came to its end: what was of no use is forgotten. */
export function forgetUseless(book: HintBook, hints: readonly ConfiguredMirror[], done: readonly SourceReport[]): void {
  const failed = new Set(done.filter((r) => r.outcome !== "used" && r.outcome !== "unused").map((r) => r.id));
  for (const hint of hints) if (failed.has(shownHint(hint))) book.forget(hint.url);
}

/** After a download that failed. */
export function forgetFailed(book: HintBook, hints: readonly ConfiguredMirror[], error: unknown): void {
  if (!(error instanceof AllSourcesFailedError)) return;
  const failed = new Set(error.attempts.map((x) => x.source));
  for (const hint of hints) if (failed.has(shownHint(hint))) book.forget(hint.url);
}

const shownHint = ({ url }: ConfiguredMirror): string => shownUrl({ url, type: "https" });
