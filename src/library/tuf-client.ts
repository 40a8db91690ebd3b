// A TUF 1.0 client for any repository with Ed25519 keys, as a library: init, refresh, download of a target path.
// Design: "Trust in detail" of docs/architecture.md. The decisions are trust/'s; this file wires disk and network.
// Must not: know anything of dchat's own extensions.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { createFolderTrustStore } from "../config/trust-store.ts";
import { replaceFile, temporaryBeside } from "../disk/atomic-file.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { loadRole, quoteRole, type RefreshOptions, refreshTrust } from "../fetch/refresh.ts";
import { createHttpClient } from "../net/http-client.ts";
import { DEFAULT_NETWORK_POLICY, type NetworkPolicy } from "../net/network-policy.ts";
import { createHttpsMirror } from "../sources/https.ts";
import { type Clock, pinRoot, type TrustState } from "../trust/client.ts";
import type { TargetFile } from "../trust/metadata.ts";
import { searchTarget } from "../trust/search.ts";

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

export interface TufClient {
  /**
   * Pins the first root. Where a root of this version or a newer one is trusted already, nothing changes.
   * @param trustedRoot the exact bytes of a root got by a trusted way
   */
  init(trustedRoot: Uint8Array): Promise<void>;
  /** Brings the top-level metadata up to date. @throws UpdateError; what was accepted until then is kept */
  refresh(o?: Partial<Opts>): Promise<void>;
  /**
   * Refreshes, looks the target path up, downloads and proves it. Nothing is fetched when the proven file is there.
   * @returns the path of the file: below `targetsDir`, named as the percent-encoded target path
   * @throws UpdateError E_NO_RELEASE when no role speaks for the path
   */
  download(targetPath: string, targetsDir: string, o?: Partial<Opts>): Promise<string>;
  /** Closes idle connections. */
  close(): Promise<void>;
}

export function createTufClient(o: TufClientOptions): TufClient {
  const store = createFolderTrustStore(o.metadataDir, quoteRole);
  const http = createHttpClient({ ...DEFAULT_NETWORK_POLICY, ...o.network });
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
  const signalOf = (given: Partial<Opts> | undefined) => given?.signal ?? new AbortController().signal;

  return {
    async init(trustedRoot) {
      const pinned = pinRoot(trustedRoot);
      const stored = await store.load();
      if (stored !== undefined && stored.root.signed.version >= pinned.root.signed.version) return;
      await store.save(pinned, "incomplete", { signal: signalOf(undefined) });
    },
    async refresh(given) {
      await refresh(clockNow(), signalOf(given));
    },
    async download(targetPath, targetsDir, given) {
      const signal = signalOf(given);
      const { target, state } = await find(targetPath, clockNow(), signal);
      const file = join(targetsDir, targetFileName(targetPath));
      if (await isProven(file, target, signal)) return file;
      const prefixed = state.root.signed.consistentSnapshot && (o.prefixTargetsWithHash ?? true);
      const url = `${o.targetsUrl.replace(/\/+$/, "")}/${remotePath(target, prefixed)}`;
      const answer = await http.get(url, { signal });
      if (answer.status !== 200) {
        answer.discard();
        throw new UpdateError("E_HTTP_STATUS", `${answer.url}: status ${answer.status}`);
      }
      await storeProven(answer.body, file, target, signal);
      return file;
    },
    close: () => http.close(),
  };
}

/** One flat file name for a whole target path, so that no path can lead out of the folder. */
function targetFileName(path: string): string {
  const quoted = quoteRole(path);
  return /^\.{1,2}$/.test(quoted) ? quoted.replaceAll(".", "%2E") : quoted;
}

function remotePath(target: TargetFile, prefixed: boolean): string {
  const segments = target.path.split("/");
  if (segments.some((s) => s === "." || s === "..")) {
    throw new UpdateError(
      "E_MALFORMED",
      `the target path ${JSON.stringify(target.path.slice(0, 200))} has dot segments`,
    );
  }
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
    await mkdir(join(file, ".."), { recursive: true });
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
