// What verify says about a file: which signed release it is, by a bundle or by what the home folder trusts.
// Design: docs/cli.md, "Trust in detail".
// Must not: open a socket. It proves name, version, platform, size, digests and signatures under the shown root; not
// that the release is the newest or approved.
import { basename } from "node:path";
import type { Artifact, Digests, Verified } from "../api.ts";
import { homeAt } from "../config/home.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { readFileBounded } from "../disk/atomic-file.ts";
import { isIntegrityError, UpdateError } from "../errors.ts";
import type { FileMeasurement } from "../hash/digest-file.ts";
import { applyBundle, MAX_BUNDLE_BYTES, type RawBundle, readBundle } from "../trust/bundle.ts";
import { type Clock, expiredRoles, isComplete, pinRoot, type TrustState } from "../trust/client.ts";
import { sha256Hex } from "../trust/hex.ts";
import { proveFile } from "../trust/proof.ts";
import { listReleases } from "../trust/releases.ts";
import { networkOf, requireNetwork } from "../trust/x-dchat.ts";
import { alert } from "./alert.ts";
import { artifactJson } from "./artifact-json.ts";
import type { Arguments, CommandResult } from "./command.ts";
import type { Context } from "./context.ts";
import { choosePin } from "./pin.ts";
import { createProgress } from "./progress.ts";

/** @param measurement of the file */
export async function proveByMetadata(
  c: Context,
  a: Arguments,
  file: string,
  measurement: FileMeasurement,
): Promise<CommandResult> {
  const clock: Clock = { nowMs: c.nowMs, expired: a.flag("require-fresh") ? "refuse" : "allow" };
  const wanted = { version: a.version("version"), platform: a.platform("platform") };
  const minRootVersion = a.integer("min-root-version", 1, Number.MAX_SAFE_INTEGER);
  if (measurement.failure !== undefined) throw measurement.failure; // of what is not there no name is judged
  const { state, home } = await loadTrust(c, a, clock);
  requireRootVersion(state, minRootVersion);
  let artifact: Verified<Artifact>;
  try {
    artifact = chooseArtifact(wanted, file, state, clock);
    proveFile(artifact, file, await measure(c, measurement, file, artifact.length));
  } catch (e) {
    if (home !== undefined && isIntegrityError(e)) await alert(c, home, "verify", basename(file), e);
    throw e;
  }
  const expired = expiredRoles(state, c.nowMs);
  for (const { role, expiresMs } of expired) {
    c.out.warn(`the ${role} metadata expired at ${new Date(expiresMs).toISOString()}: there may be newer releases`);
  }
  const root = state.root;
  return {
    lines: [
      c.out.line("ok", "Hash verification passed (SHA-256)"),
      c.out.line("ok", "Hash verification passed (BLAKE3)"),
      c.out.line("ok", "Signature verification passed (Ed25519)"),
      c.out.line("ok", "Package verified successfully"),
      `   ${artifact.name}: version ${artifact.version}, ${artifact.platform}, root version ${root.signed.version}`,
    ],
    json: {
      verified: true,
      file,
      artifact: artifactJson(artifact),
      root: { version: root.signed.version, sha256: sha256Hex(root.envelope.bytes) },
      expired: expired.map((x) => ({ role: x.role, expires: new Date(x.expiresMs).toISOString() })),
    },
  };
}

async function measure(c: Context, measurement: FileMeasurement, file: string, length: number): Promise<Digests> {
  const progress = createProgress(c.out, "verifying", length);
  try {
    const name = basename(file);
    const onProgress = (done: number) => progress.update(done, name);
    return (await measurement.measure({ signal: c.signal, onProgress })).digests;
  } finally {
    progress.end();
  }
}

/** The metadata to judge by: a bundle under a pinned root, or what the home folder trusts. */
async function loadTrust(c: Context, a: Arguments, clock: Clock) {
  const bundleFile = a.string("bundle");
  const home = bundleFile !== undefined && !c.hasHome ? undefined : homeAt(c.home);
  const stored = home === undefined ? undefined : await createHomeTrustStore(home.trustFile).load();
  if (bundleFile === undefined) {
    for (const option of ["root", "root-sha256"]) {
      if (a.string(option) !== undefined) throw new UpdateError("E_USAGE", `--${option} goes with --bundle`);
    }
    if (stored === undefined || !isComplete(stored)) {
      throw new UpdateError("E_NOT_INITIALIZED", `${c.home} holds no metadata to judge by`, {
        hint: "give --bundle FILE --root FILE, or run `dchat-update init` and `dchat-update check` first",
      });
    }
    if (clock.expired === "refuse") requireNothingExpired(stored, clock);
    return { state: stored, home };
  }
  const bundle = readBundle(await readFileBounded(bundleFile, MAX_BUNDLE_BYTES));
  const pinned = await choosePin(a, (sha256) => rootOfBundle(bundle, sha256)) ?? stored;
  if (pinned === undefined) {
    throw new UpdateError("E_USAGE", "a trust root is needed: --root FILE or --root-sha256 HEX");
  }
  requireNetwork(pinned.root.signed, bundle.network);
  const state = applyBundle(pinned, bundle, clock);
  if (clock.expired === "refuse") requireNothingExpired(state, clock);
  // What this home has already seen is a floor, whichever root was named.
  const isSameNetwork = stored !== undefined && networkOf(stored.root.signed) === bundle.network;
  if (isSameNetwork && stored !== pinned) applyBundle(stored, bundle, clock);
  return { state, home: stored === undefined ? undefined : home };
}

function rootOfBundle(bundle: RawBundle, sha256: string): TrustState {
  const bytes = bundle.roots.find((r) => sha256Hex(r) === sha256);
  if (bytes !== undefined) return pinRoot(bytes, sha256);
  throw new UpdateError("E_UNTRUSTED_KEY", "no root of the bundle has the pinned SHA-256");
}

function requireNothingExpired(state: TrustState, clock: Clock): void {
  const [first] = expiredRoles(state, clock.nowMs);
  if (first === undefined) return;
  throw new UpdateError(
    "E_EXPIRED",
    `the ${first.role} metadata expired at ${new Date(first.expiresMs).toISOString()}`,
    {
      hint: "get newer metadata: run `dchat-update check`, or fetch the bundle again",
    },
  );
}

function requireRootVersion(state: TrustState, least: number | undefined): void {
  const { version } = state.root.signed;
  if (least === undefined || version >= least) return;
  throw new UpdateError("E_ROLLBACK", `the root has version ${version}, at least ${least} is required`, {
    hint: "get a newer bundle",
  });
}

/** What the options demand of a file. */
interface Wanted {
  readonly version: string | undefined;
  readonly platform: string | undefined;
}

/** The signed artifact that this file must be, by its name and by what is demanded. */
function chooseArtifact(wanted: Wanted, file: string, state: TrustState, clock: Clock): Verified<Artifact> {
  const { version, platform } = wanted;
  const name = basename(file);
  const fits = (x: Artifact) =>
    (version === undefined || x.version === version) && (platform === undefined || x.platform === platform);
  const all = listReleases(state, clock).artifacts;
  const byName = all.filter((x) => x.name === name);
  const [named, second] = byName.filter(fits);
  if (named !== undefined && second === undefined) return named;
  if (second !== undefined) throw new UpdateError("E_USAGE", `several releases are called ${name}: give --version`);
  const shown = JSON.stringify(name.slice(0, 120));
  if (byName[0] !== undefined) {
    throw new UpdateError("E_NOT_SIGNED", `${shown} is version ${byName[0].version} for ${byName[0].platform}`, {
      hint: "that is not the version or platform that was asked for",
    });
  }
  // A file under a name of one's own is fine as long as it is said what it shall be; a release's name must be signed.
  if (version !== undefined && !/^dchat-\d/.test(name)) {
    const [only, other] = all.filter(fits);
    if (only !== undefined && other === undefined) return only;
    if (other !== undefined) throw new UpdateError("E_USAGE", `version ${version} has several files: give --platform`);
  }
  throw new UpdateError("E_NOT_SIGNED", `no signed metadata covers ${shown}`, {
    hint: version === undefined && !/^dchat-\d/.test(name)
      ? "say what it shall be: --version V --platform P"
      : "the release may be newer than the metadata, withdrawn, or never made: get a newer bundle, or do not use it",
  });
}
