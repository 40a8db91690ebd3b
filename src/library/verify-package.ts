// verify as a function, for programs: a file, a bundle and a pinned root in; the proven artifact out. No network.
// Design: "verify" of docs/cli.md: the command adds names, homes and words to the same steps. Must not: open a socket.
import { basename } from "node:path";
import type { LocalFile, Opts, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { prepareMeasurement } from "../hash/digest-file.ts";
import { applyBundle, readBundle } from "../trust/bundle.ts";
import { type Clock, pinRoot } from "../trust/client.ts";
import { proveFile } from "../trust/proof.ts";
import { listReleases } from "../trust/releases.ts";
import { requireNetwork } from "../trust/x-dchat.ts";

/** What is proven, and by what. */
export interface VerifyPackageOptions extends Partial<Opts> {
  /** Path of the file; its name must be the release's own. */
  readonly file: string;
  /** Bytes of `bundle.json`. */
  readonly bundle: Uint8Array;
  /** Bytes of the trust root. */
  readonly root: Uint8Array;
  /** Refuse metadata that has expired. */
  readonly requireFresh?: boolean;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly nowMs?: number;
}

/**
 * Proves that a file is the release its name says, by metadata under the given root; not that it is the newest.
 * @throws UpdateError with an exit code of 30 to 36 for whatever is not as signed; E_IO; E_INTERRUPTED
 */
export async function verifyPackage(o: VerifyPackageOptions): Promise<Verified<LocalFile>> {
  const clock: Clock = { nowMs: o.nowMs ?? Date.now(), expired: o.requireFresh === true ? "refuse" : "allow" };
  using measurement = prepareMeasurement(o.file); // its workers start while this thread judges the metadata
  const pinned = pinRoot(o.root), bundle = readBundle(o.bundle);
  requireNetwork(pinned.root.signed, bundle.network);
  const state = applyBundle(pinned, bundle, clock);
  const name = basename(o.file);
  const artifact = listReleases(state, clock).artifacts.find((a) => a.name === name);
  if (artifact === undefined) {
    throw new UpdateError("E_NOT_SIGNED", `no signed metadata covers ${JSON.stringify(name.slice(0, 120))}`);
  }
  const { digests } = await measurement.measure({ signal: o.signal ?? new AbortController().signal });
  return proveFile(artifact, o.file, digests);
}
