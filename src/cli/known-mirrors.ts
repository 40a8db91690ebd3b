// All mirrors this node knows: the operator's own and those that the release keys have signed, and how they are shown.
// Design: "Mirror health" of docs/architecture.md; docs/formats.md, "mirrors.json".
// Must not: let a signed mirror take the place of one the operator has named, or show a password.
import type { Config, MirrorEntry, MirrorType } from "../config/config.ts";
import type { HealthBook } from "../config/health-rules.ts";
import type { Home } from "../config/home.ts";
import { orderMirrors } from "../config/mirror-order.ts";
import { loadSignedMirrors } from "../config/signed-mirrors.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { UpdateError } from "../errors.ts";
import { refusedByText } from "../net/public-only.ts";
import type { HopRules } from "../net/hop.ts";
import { mirrorId } from "../sources/mirror-url.ts";
import { SOURCE_KINDS } from "../sources/index.ts";
import type { TrustState } from "../trust/client.ts";
import type { ListedMirror } from "../trust/mirror-list.ts";

export interface KnownMirror extends MirrorEntry {
  /** What it is called in messages, alerts and the memory of mirrors. */
  readonly id: string;
  readonly origin: "config" | "signed";
}

/** The operator's mirrors, then the signed ones that are none of them; in the order in which they were written. */
function knownMirrors(config: Config, listed: readonly ListedMirror[]): KnownMirror[] {
  const own = config.mirrors.map((m): KnownMirror => ({ ...m, id: shownUrl(m), origin: "config" }));
  const signed = (config.signedMirrors ? listed : []).map(({ kind, ...m }): KnownMirror => {
    const entry = { ...m, type: kind };
    return { ...entry, id: shownUrl(entry), origin: "signed" };
  });
  const ownIds = new Set(own.map((m) => m.id));
  return [...own, ...signed.filter((m) => !ownIds.has(m.id))];
}

/** As `knownMirrors`, with the signed ones that this home has the list of. */
export async function loadKnownMirrors(
  home: Home,
  config: Config,
  state: TrustState | undefined,
): Promise<KnownMirror[]> {
  const wanted = config.signedMirrors && state !== undefined;
  return knownMirrors(config, wanted ? await loadSignedMirrors(home, state) ?? [] : []);
}

/** As `loadKnownMirrors`, for commands that must work whatever has become of the trusted state. */
export async function listKnownMirrors(home: Home, config: Config): Promise<KnownMirror[]> {
  const state = await createHomeTrustStore(home.trustFile).load().catch((e) => {
    if (e instanceof UpdateError) return undefined;
    throw e;
  });
  return await loadKnownMirrors(home, config, state);
}

/** What keeps a signed mirror from being used under these rules, as far as its URL tells. */
export function unusable(m: KnownMirror, rules: HopRules): string | undefined {
  return m.origin === "signed" && m.type === "https" ? refusedByText(m.url, rules)?.message : undefined;
}

/** In the order in which they are asked now, each with the priority it was given. */
export function inOrder(known: readonly KnownMirror[], book: HealthBook, config: Config, nowMs: number): KnownMirror[] {
  const given = known.map((m) => ({ ...m, given: m.priority }));
  return orderMirrors(given, book, config.region, nowMs).map(({ given: priority, ...m }) => ({ ...m, priority }));
}

/** True when this version downloads over mirrors of that type. */
export const isSupported = (type: MirrorType): boolean => SOURCE_KINDS.includes(type);

/** A mirror as every command shows it; "supported" says whether this version downloads over it. */
export function mirrorJson(m: MirrorEntry): Record<string, unknown> {
  const { type, region, priority } = m;
  return { url: shownUrl(m), type, region: region ?? null, priority, supported: isSupported(type) };
}

/** As `mirrorJson`, with who named it. */
export function knownMirrorJson(m: KnownMirror): Record<string, unknown> {
  return { ...mirrorJson(m), origin: m.origin };
}

/** A mirror's URL for people, logs and other programs: without user and password, and the query of a web address. */
export function shownUrl({ url: text, type }: Pick<MirrorEntry, "url" | "type">): string {
  if (!URL.canParse(text)) return "(not a URL)"; // the configuration can be edited by hand
  if (type === "https") {
    try {
      return mirrorId(text);
    } catch {
      return "(not a mirror's URL)";
    }
  }
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  url.username = url.password = "";
  return url.href;
}
