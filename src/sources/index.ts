// Every channel an artifact can come by, listed by hand. Design: "Layout" of docs/architecture.md.
// Must not: register anything as a side effect; a new channel is a new line here.

import type { Source, SourceKind } from "../api.ts";
import type { HttpClient } from "../net/http-client.ts";
import { publicOnly } from "../net/public-only.ts";
import type { Places } from "./at-hand.ts";
import { createCacheSource } from "./cache.ts";
import { createDeltaSource, type DeltaBase } from "./delta.ts";
import { fetchHttpsDelta } from "./https-delta.ts";
import { createHttpsSource } from "./https.ts";
import { mirrorId } from "./mirror-url.ts";

/** A mirror from the configuration, or from the list that the release keys have signed. */
export interface ConfiguredMirror {
  readonly url: string;
  readonly type: string;
  readonly priority: number;
  /** Who named it, the operator by default; what others named is reached at public addresses only. */
  readonly origin?: "config" | "signed" | "hint";
}

/** What channels are made of. */
export interface SourceContext extends Places {
  readonly client: HttpClient;
  /** What the artifact can be built upon: mirrors are asked for the delta before they are asked for all of it. */
  readonly base?: DeltaBase | undefined;
}

// Behind the cache, before every mirror: whatever is reused need not be fetched, not even from the best one.
const DELTA_PRIORITY = -1;

type Channel = (mirrors: readonly ConfiguredMirror[], c: SourceContext) => Source[];

const CHANNELS: Readonly<Partial<Record<SourceKind, Channel>>> = {
  cache: (_, places) => [createCacheSource(places)],
  https: (mirrors, { client, base }) =>
    mirrors.filter((m) => m.type === "https").flatMap((m) => {
      const { url, priority } = m;
      const at = { url, client: clientFor(m, client) };
      const plain = createHttpsSource({ ...at, priority });
      if (base === undefined) return [plain];
      return [
        createDeltaSource({ id: mirrorId(url), priority: DELTA_PRIORITY, base, fetchRange: fetchHttpsDelta(at) }),
        plain,
      ];
    }),
};

/** The client to reach a mirror with. */
export function clientFor({ origin }: Pick<ConfiguredMirror, "origin">, client: HttpClient): HttpClient {
  return origin === undefined || origin === "config" ? client : publicOnly(client);
}

/** The channels this build has. */
export const SOURCE_KINDS = Object.keys(CHANNELS) as readonly SourceKind[]; // the keys of the table above

/** Every source, or those of one kind, the one to ask first at the front. Mirrors of other types are left out. */
export function createSources(
  mirrors: readonly ConfiguredMirror[],
  c: SourceContext,
  only?: SourceKind,
): Source[] {
  const kinds = only === undefined ? SOURCE_KINDS : SOURCE_KINDS.filter((kind) => kind === only);
  return kinds.flatMap((kind) => CHANNELS[kind]?.(mirrors, c) ?? []).sort((a, b) => a.priority - b.priority);
}
