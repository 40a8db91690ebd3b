// The trust root as the operator names it: --root FILE, --root-sha256 HEX, or the one the file was built with.
// Design: docs/cli.md. Must not: trust a root that nobody named.
import { BAKED_ROOT } from "../baked.ts";
import { readFileBounded } from "../disk/atomic-file.ts";
import { UpdateError } from "../errors.ts";
import { pinRoot, type TrustState } from "../trust/client.ts";
import { fromHex } from "../trust/hex.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import type { Arguments } from "./command.ts";

/**
 * @param find gives the root of a digest, from wherever the command has roots
 * @returns undefined when no root was named and none is built in
 * @throws UpdateError E_USAGE for a digest that is none; what `find` and the root itself are refused with
 */
export async function choosePin(
  a: Arguments,
  find: (sha256: string) => TrustState | Promise<TrustState>,
): Promise<TrustState | undefined> {
  const file = a.string("root");
  const digest = a.string("root-sha256")?.toLowerCase();
  if (digest !== undefined && fromHex(digest, 32) === undefined) {
    throw new UpdateError("E_USAGE", "--root-sha256 must be 64 hex digits");
  }
  if (file !== undefined) return pinRoot(await readFileBounded(file, MAX_METADATA_BYTES.root), digest);
  if (digest !== undefined) return await find(digest);
  return BAKED_ROOT === undefined ? undefined : pinRoot(BAKED_ROOT);
}
