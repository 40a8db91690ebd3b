// trust/mirrors.json: the signed list of mirrors as it was last fetched. Design: docs/formats.md, trust/mirrors.json.
// The file is believed no more than a mirror: it is proven again under the trusted state whenever it is read.
// Must not: fetch.
import { writeFileAtomic } from "../disk/atomic-file.ts";
import { UpdateError } from "../errors.ts";
import { ANY_TIME, type TrustState } from "../trust/client.ts";
import {
  findMirrorList,
  type ListedMirror,
  MAX_MIRROR_LIST_BYTES,
  proveMirrorList,
  readMirrorList,
} from "../trust/mirror-list.ts";
import { readFileIfThere } from "./home-file.ts";
import type { Home } from "./home.ts";

/**
 * The mirrors that the trusted state vouches for and this home has the list of; undefined when it has to be fetched,
 * because it is not there, was altered, or a newer one was signed.
 */
export async function loadSignedMirrors(home: Home, state: TrustState): Promise<readonly ListedMirror[] | undefined> {
  try {
    // Which places were once known is worth something after the list has expired: what they give is proven anyway.
    const target = findMirrorList(state, ANY_TIME);
    const bytes = target === undefined
      ? undefined
      : await readFileIfThere(home.signedMirrorsFile, MAX_MIRROR_LIST_BYTES);
    if (target === undefined || bytes === undefined) return undefined;
    return readMirrorList(proveMirrorList(target, bytes));
  } catch (e) {
    if (e instanceof UpdateError) return undefined;
    throw e;
  }
}

/** @throws UpdateError E_IO, E_DISK_FULL */
export async function saveSignedMirrors(home: Home, list: Uint8Array): Promise<void> {
  await writeFileAtomic(home.signedMirrorsFile, list);
}
