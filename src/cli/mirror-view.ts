// The mirrors in the order in which they are asked, with what they were worth so far, as `list-mirrors` and `status` show
// them. Design: docs/cli.md, list-mirrors. Must not: ask a mirror anything.
import type { Config } from "../config/config.ts";
import type { MirrorHealth } from "../config/health-rules.ts";
import type { Home } from "../config/home.ts";
import type { Context } from "./context.ts";
import { inOrder, type KnownMirror, knownMirrorJson } from "./known-mirrors.ts";
import { disgrace, healthJson, openHealth } from "./mirror-health.ts";

export interface MirrorView {
  readonly mirrors: readonly { readonly mirror: KnownMirror; readonly health: MirrorHealth | undefined }[];
  /** Under the names the schemas have. */
  readonly json: readonly Record<string, unknown>[];
}

export async function viewMirrors(
  c: Context,
  home: Home,
  config: Config,
  known: readonly KnownMirror[],
): Promise<MirrorView> {
  const { known: book } = await openHealth(c, home);
  const mirrors = inOrder(known, book, config, c.nowMs).map((mirror) => ({ mirror, health: book.get(mirror.id) }));
  return {
    mirrors,
    json: mirrors.map(({ mirror, health }) => ({ ...knownMirrorJson(mirror), health: healthJson(health, c.nowMs) })),
  };
}

/** In a few words: how many there are, and those that are not asked with the others. */
export function mirrorLines(c: Context, { mirrors }: MirrorView): string[] {
  if (mirrors.length === 0) return ["mirrors: none; see: dchat-update add-mirror --help"];
  const disgraced = mirrors.flatMap(({ mirror, health }) =>
    disgrace(health, c.nowMs).map((why) => `${mirror.id} ${why}`)
  );
  return [
    `mirrors: ${mirrors.length}; see: dchat-update list-mirrors`,
    ...disgraced.map((words) => c.out.line("warning", words)),
  ];
}
