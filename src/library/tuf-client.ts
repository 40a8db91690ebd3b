// A TUF 1.0 client for any repository with Ed25519 keys, as a library: init, refresh, download of a target path.
// Design: "Trust in detail" of docs/architecture.md. The decisions are trust/'s; this file wires disk and network.
// Must not: know anything of dchat's own extensions.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Opts } from "../api.ts";
import { createFolderTrustStore } from "../config/trust-store.ts";
import { replaceFile, sweepLeftovers, temporaryBeside } from "../disk/atomic-file.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { loadRole, quoteRole, type RefreshOptions, refreshTrust } from "../fetch/refresh.ts";
import { createHttpClient } from "../net/http-client.ts";
import { DEFAULT_NETWORK_POLICY, type NetworkPolicy } from "../net/network-policy.ts";
import { statusError } from "../sources/http-answer.ts";
import { createHttpsMirror } from "../sources/https.ts";
import { fileUrl, mirrorId } from "../sources/mirror-url.ts";
import { type Clock, pinRoot, type TrustState } from "../trust/client.ts";
import { sha256Hex } from "../trust/hex.ts";
import type { TargetFile } from "../trust/metadata.ts";
import { searchTarget } from "../trust/search.ts";
import { restoreTrust, storedTrust } from "../trust/stored-trust.ts";

/** Of which repository, and where what is trusted of it is kept. */
export interface TufClientOptions {
  /** Folder for trusted metadata, with plain names: `root.json`, `timestamp.json`, … Created when missing. */
  readonly metadataDir: string;
  /** URLs of the folder with `1.root.json`, `timestamp.json`, …; several are mirrors of the same repository. */
  readonly metadataUrls: readonly string[];
  /** URL of the folder with the targets. */
  readonly targetsUrl: string;
  /** False for repositories with consistent snapshots whose target files carry no digest in their names. */
  readonly prefixTargetsWithHash?: boolean;
  /** How far the network is trusted and waited for; the rest is as for the command line. */
  readonly network?: Partial<NetworkPolicy>;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: () => number;
}

/** Errors of all methods: UpdateError; E_INTERRUPTED after an abort. */
export interface TufClient {
  /**
   * Pins the first root. Where this root or a newer one is trusted already, nothing changes; a newer one replaces it,
   * and what it still vouches for stays as a floor against rollback.
   * @param trustedRoot the exact bytes of a root got by a trusted way
   * @throws UpdateError E_USAGE when another root of the same version is trusted
   */
  init(trustedRoot: Uint8Array): Promise<void>;
  /** Brings the top-level metadata up to date. @throws UpdateError; what was accepted until then is kept */
  refresh(o?: Partial<Opts>): Promise<void>;
  /**
   * Refreshes, looks the target path up, downloads and proves it. Nothing is fetched when the proven file is there.
   * @param targetsDir any folder but that of the metadata; created when missing
   * @returns the path of the file: below `targetsDir`, named as the percent-encoded target path
   * @throws UpdateError E_NO_RELEASE when no role speaks for the path; E_INTERRUPTED after an abort
   */
  download(targetPath: string, targetsDir: string, o?: Partial<Opts>): Promise<string>;
  /** Closes idle connections. */
  close(): Promise<void>;
}

/**
 * A client of one TUF repository. Nothing is read, written or asked before its first call.
 * @throws UpdateError E_USAGE for a URL that is none
 */
export function createTufClient(o: TufClientOptions): TufClient {
  const store = createFolderTrustStore(o.metadataDir, quoteRole);
  const http = createHttpClient({ ...DEFAULT_NETWORK_POLICY, env: process.env, ...o.network });
  const mirrors = o.metadataUrls.map((url) => createHttpsMirror({ url, client: http }));

  const load = async (): Promise<TrustState> => {
    const state = await store.load();
    if (state !== undefined) return state;
    throw new UpdateError("E_NOT_INITIALIZED", `${JSON.stringify(o.metadataDir)} has no trusted root`, {
      hint: "call init with a root got by a trusted way",
    });
  };
  const optionsFor = (clock: Clock, signal: AbortSignal): RefreshOptions => ({
    mirrors,
    clock,
    prefix: "",
    signal,
    nextRole: () => undefined, // delegated roles are loaded when a target is looked up
    save: async (state, step) => await store.save(state, step, { signal }),
  });
  const refresh = async (clock: Clock, signal: AbortSignal): Promise<TrustState> =>
    (await refreshTrust(await load(), optionsFor(clock, signal))).state;
  /** Whatever ends the work arrives as an UpdateError, an abort with whatever reason as E_INTERRUPTED. */
  const abortable = async <T>(given: Partial<Opts> | undefined, work: (signal: AbortSignal) => Promise<T>) => {
    const signal = given?.signal ?? new AbortController().signal;
    try {
      return await work(signal);
    } catch (e) {
      if (signal.aborted) throw new UpdateError("E_INTERRUPTED", "interrupted", { cause: e });
      throw asUpdateError(e);
    }
  };

  const find = async (path: string, clock: Clock, signal: AbortSignal) => {
    let state = await refresh(clock, signal);
    for (;;) {
      const result = searchTarget(state, path, clock);
      if (result.kind === "found") return { target: result.target, state };
      if (result.kind === "absent") {
        throw new UpdateError("E_NO_RELEASE", `no role speaks for the target ${JSON.stringify(path.slice(0, 200))}`);
      }
      state = await loadRole(state, result.role, optionsFor(clock, signal));
    }
  };
  const clockNow = (): Clock => ({ nowMs: (o.now ?? Date.now)(), expired: "refuse" });

  return {
    init: (trustedRoot) =>
      abortable({}, async (signal) => {
        const pinned = pinRoot(trustedRoot);
        const stored = await store.load();
        if (stored === undefined) return await store.save(pinned, "incomplete", { signal });
        const newer = pinned.root.signed.version - stored.root.signed.version;
        if (newer === 0 && !isSameRoot(pinned, stored)) {
          throw new UpdateError("E_USAGE", `${JSON.stringify(o.metadataDir)} already trusts another root`, {
            hint: "give each repository a folder of its own",
          });
        }
        if (newer > 0) {
          const kept = restoreTrust({ ...storedTrust(stored), roots: [trustedRoot] });
          await store.save(kept, "incomplete", { signal });
        }
      }),
    refresh: (given) => abortable(given, async (signal) => void await refresh(clockNow(), signal)),
    download: (targetPath, targetsDir, given) =>
      abortable(given, async (signal) => {
        if (resolve(targetsDir) === resolve(o.metadataDir)) {
          // A target may be called root.json.
          throw new UpdateError("E_USAGE", "targets and metadata must be kept in different folders");
        }
        const { target, state } = await find(targetPath, clockNow(), signal);
        const file = join(targetsDir, targetFileName(targetPath));
        if (await isProven(file, target, signal)) return file;
        const prefixed = state.root.signed.consistentSnapshot && (o.prefixTargetsWithHash ?? true);
        const server = mirrorId(o.targetsUrl);
        const answer = await http.get(fileUrl(o.targetsUrl, remotePath(target, prefixed)), { signal });
        if (answer.status !== 200) {
          answer.discard();
          throw statusError(server, answer);
        }
        await storeProven(answer.body, file, target, signal);
        return file;
      }),
    close: () => http.close(),
  };
}

/** What was signed counts; signatures may stand in any order. */
function isSameRoot(a: TrustState, b: TrustState): boolean {
  return sha256Hex(a.root.envelope.signedBytes) === sha256Hex(b.root.envelope.signedBytes);
}

/** One flat file name for a whole target path, so that no path can lead out of the folder. */
function targetFileName(path: string): string {
  const quoted = quoteRole(path);
  return /^\.{1,2}$/.test(quoted) ? quoted.replaceAll(".", "%2E") : quoted;
}

function remotePath(target: TargetFile, prefixed: boolean): string {
  const segments = target.path.split("/");
  const name = segments.pop() ?? "";
  const hash = target.hashes.sha256 ?? target.hashes.sha512;
  return [...segments, prefixed ? `${hash}.${name}` : name].map(encodeURIComponent).join("/");
}

/** A running check of a stream against a target's length and digests. */
function createTargetCheck(target: TargetFile) {
  const hashers = Object.entries(target.hashes).map(([name, hex]) => ({ hasher: createHash(name), hex: String(hex) }));
  const what = JSON.stringify(target.path.slice(0, 200));
  let length = 0;
  return {
    update(chunk: Uint8Array) {
      length += chunk.length;
      if (length > target.length) {
        throw new UpdateError("E_SIZE_MISMATCH", `${what}: more than the signed ${target.length} bytes`);
      }
      for (const { hasher } of hashers) hasher.update(chunk);
    },
    finish() {
      if (length !== target.length) {
        throw new UpdateError("E_SIZE_MISMATCH", `${what}: ${length} bytes, signed are ${target.length}`);
      }
      if (!hashers.every(({ hasher, hex }) => hasher.digest("hex") === hex)) {
        throw new UpdateError("E_HASH_MISMATCH", `${what}: its digest is not the signed one`);
      }
    },
  };
}

async function isProven(file: string, target: TargetFile, signal: AbortSignal): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || info.size !== target.length) return false;
  const check = createTargetCheck(target);
  try {
    for await (const chunk of createReadStream(file, { signal, highWaterMark: 1 << 20 })) check.update(chunk);
    check.finish();
    return true;
  } catch (e) {
    if (e instanceof UpdateError) return false; // another file of that length: fetched again, then replaced
    throw asUpdateError(e, "E_IO");
  }
}

async function storeProven(
  body: AsyncIterable<Uint8Array>,
  file: string,
  target: TargetFile,
  signal: AbortSignal,
): Promise<void> {
  const temporary = temporaryBeside(file);
  let handle: FileHandle | undefined;
  try {
    await mkdir(dirname(file), { recursive: true });
    await sweepLeftovers(dirname(file));
    handle = await open(temporary, "wx");
    const check = createTargetCheck(target);
    for await (const chunk of body) {
      signal.throwIfAborted();
      check.update(chunk);
      await handle.writeFile(chunk);
    }
    check.finish();
    await handle.sync();
    await handle.close();
    await replaceFile(temporary, file);
  } catch (e) {
    await handle?.close().catch(() => {}); // closed already when the rename failed
    await rm(temporary, { force: true });
    throw asUpdateError(e, "E_IO");
  }
}
