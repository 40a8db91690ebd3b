// Fetches the signed list of mirrors from mirrors that may lie: one after another, until one has the very bytes.
// Design: docs/formats.md, "mirrors.json". Must not: believe a list by any other means than its signed digest.
import type { Mirror, Opts, Verified } from "../api.ts";
import {
  AllSourcesFailedError,
  asUpdateError,
  type FailedAttempt,
  isIntegrityError,
  type UpdateError,
} from "../errors.ts";
import { MIRROR_LIST_PATH, type MirrorListTarget, proveMirrorList } from "../trust/mirror-list.ts";

export interface FetchMirrorListOptions extends Opts {
  /** Asked in this order. */
  readonly mirrors: readonly Mirror[];
  /** Called for every mirror that gave something else. */
  readonly onRefused: (mirror: string, error: UpdateError) => Promise<void>;
}

/** @throws AllSourcesFailedError with each mirror's reason; UpdateError E_INTERRUPTED */
export async function fetchMirrorList(
  target: MirrorListTarget,
  o: FetchMirrorListOptions,
): Promise<Verified<Uint8Array>> {
  const failed: FailedAttempt[] = [];
  for (const mirror of o.mirrors) {
    try {
      const path = `targets/${target.sha256}.${MIRROR_LIST_PATH}`;
      return proveMirrorList(target, await mirror.fetch(path, target.length, o));
    } catch (e) {
      const error = asUpdateError(e);
      if (error.retry !== "elsewhere") throw error;
      if (isIntegrityError(error)) await o.onRefused(mirror.id, error);
      failed.push({ source: mirror.id, error });
    }
  }
  throw new AllSourcesFailedError(`no mirror has the signed ${MIRROR_LIST_PATH}`, failed);
}
