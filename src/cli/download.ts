// download: fetches one artifact from the cache or the mirrors and proves it. Design: docs/cli.md, "Data flow".
// Must not: put anything unproven into packages/ or the output file.
import { chmod, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Artifact, Channel, Source, Verified } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, isIntegrityError, UpdateError } from "../errors.ts";
import type { DownloadEvent } from "../fetch/download-event.ts";
import { type Download, downloadArtifact, type DownloadOptions } from "../fetch/download.ts";
import { STRATEGIES } from "../fetch/source-classes.ts";
import type { SourceReport } from "../fetch/source-report.ts";
import type { HttpClient } from "../net/http-client.ts";
import { createCacheSource } from "../sources/cache.ts";
import { type DeltaBase, findDeltaBase } from "../sources/delta.ts";
import { createSources, SOURCE_KINDS } from "../sources/index.ts";
import { expiredRoles, type TrustState } from "../trust/client.ts";
import { CHANNELS } from "../trust/release-terms.ts";
import { listReleases } from "../trust/releases.ts";
import { alert } from "./alert.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { PEER_OPTIONS, peersToAsk, withPeers } from "./known-peers.ts";
import { byVersion, inChannel, LISTING_OPTIONS, platformOf } from "./listing.ts";
import { seenInDownload } from "./mirror-health.ts";
import { formatBytes, table } from "./output.ts";
import { createProgress } from "./progress.ts";
import { mirrorsToAsk, openSession, refresh, type Session, updateClock, withMirrors } from "./session.ts";

const KINDS = [...SOURCE_KINDS, "peer"] as const;

export const downloadCommand: Command = {
  name: "download",
  summary: "fetch a release and prove it",
  options: {
    version: { type: "string", value: "V", help: "the version (default: the newest of the channel)" },
    output: { type: "string", value: "FILE", help: "also put the proven file here" },
    source: { type: "string", value: "KIND", help: `only from: ${KINDS.join(", ")}` },
    strategy: { type: "string", value: "S", help: "parallel (default): several sources at once; failover: one by one" },
    "max-rate": { type: "string", value: "RATE", help: "bytes per second in all, such as 500K, 20M, 1.5MiB" },
    "max-rate-per-source": { type: "string", value: "RATE", help: "the same for each source" },
    connections: { type: "string", value: "N", help: "most connections to one source, 1 to 16 (4)" },
    "no-reuse": { type: "boolean", help: "fetch all of it, whatever older version is here" },
    platform: LISTING_OPTIONS.platform,
    channel: LISTING_OPTIONS.channel,
    ...PEER_OPTIONS,
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const only = a.oneOf("source", KINDS);
    const wanted = { version: a.version("version"), platform: platformOf(a), channel: a.oneOf("channel", CHANNELS) };
    const how: Manner = {
      strategy: a.oneOf("strategy", STRATEGIES) ?? "parallel",
      limits: {
        bytesPerSecond: a.rate("max-rate"),
        bytesPerSecondPerSource: a.rate("max-rate-per-source"),
        connectionsPerSource: a.integer("connections", 1, 16),
      },
    };
    const output = await outputOf(a);
    const session = await openSession(c, a);
    const peers = await peersToAsk(c, a, session, only);
    return await withMirrors(c, a, session, async (client) => {
      const state = await refreshIfPossible(c, session, client);
      const artifact = chooseArtifact(c, wanted, session, state);
      const mirrors = await mirrorsToAsk(c, session, state);
      const { packagesDir } = session.home;
      const base = a.flag("no-reuse") ? undefined : await findDeltaBase(artifact, session.home);
      const sources = only === "peer" ? [] : createSources(mirrors, { ...session.home, client, base }, only);
      c.out.note(c.out.line("download", `Downloading ${artifact.name} (${formatBytes(artifact.length)})`));
      const destination = join(packagesDir, artifact.name);
      const got = await withPeers(
        a,
        session,
        peers,
        async (others) => await fetchTo(c, session, artifact, [...sources, ...others], destination, how),
      );
      const file = output === undefined ? got.file.file : await exportFile(c, session, artifact, output);
      return {
        lines: [
          c.out.line("ok", "Hash verification passed (SHA-256)"),
          c.out.line("ok", "Hash verification passed (BLAKE3)"),
          c.out.line("ok", "Signature verification passed (Ed25519)"),
          c.out.line("ok", `Downloaded ${artifact.name} from ${got.source}`),
          `   ${file}`,
          ...reuseLines(got, base),
          ...sourceLines(got.sources),
        ],
        json: {
          version: artifact.version,
          platform: artifact.platform,
          name: artifact.name,
          file,
          source: got.source,
          lengthBytes: artifact.length,
          fetchedBytes: got.bytesFetched,
          reusedBytes: got.bytesReused,
          resumedBytes: got.bytesResumed,
          proofMs: got.proofMs,
          sha256: artifact.sha256,
          blake3: artifact.blake3,
          sources: got.sources.map(sourceJson),
          refused: got.refused.map((r) => ({ source: r.source, code: r.error.code, message: r.error.message })),
        },
      };
    });
  },
};

/** Newer metadata where a mirror can be reached; what is known and not expired serves where none can. */
export async function refreshIfPossible(c: Context, s: Session, client: HttpClient): Promise<TrustState> {
  try {
    return (await refresh(c, s, client)).state;
  } catch (e) {
    const error = asUpdateError(e);
    const isNetwork = error.exitCode >= 20 && error.exitCode < 30;
    if (!isNetwork || !s.hasMetadata) throw error;
    const [expired] = expiredRoles(s.state, c.nowMs);
    if (expired !== undefined) {
      throw new UpdateError("E_EXPIRED", `the ${expired.role} metadata here expired, and ${error.message}`, {
        cause: error,
        hint: "an expired list of releases may hide newer ones: try again when a mirror can be reached",
      });
    }
    c.out.warn(`no mirror could be asked for newer metadata (${error.message}); using what is known`);
    return s.state;
  }
}

export interface Wanted {
  /** Undefined for the newest of the channel. */
  readonly version: string | undefined;
  readonly platform: string;
  /** Undefined for the configured one. */
  readonly channel: Channel | undefined;
}

export function chooseArtifact(c: Context, wanted: Wanted, s: Session, state: TrustState): Verified<Artifact> {
  const { version, platform } = wanted;
  const channel = wanted.channel ?? s.config.autoUpdate.channel;
  const all = listReleases(state, updateClock(c)).artifacts;
  const fitting = version === undefined
    ? byVersion(all.filter((x) => x.platform === platform && inChannel(x.channel, channel)))[0]?.artifacts ?? []
    : all.filter((x) => x.version === version && x.platform === platform);
  const [artifact, ...others] = fitting;
  if (artifact === undefined) {
    const platforms = all.filter((x) => x.version === version).map((x) => x.platform);
    const what = version === undefined
      ? `release for ${platform} on channel ${channel}`
      : `release ${version} for ${platform}`;
    throw new UpdateError("E_NO_RELEASE", `there is no signed ${what}`, {
      hint: platforms.length > 0 ? `it exists for: ${platforms.join(", ")}` : "see: dchat-update list-versions",
    });
  }
  // A program is what a node runs; packages of the same version are for other tools.
  return [artifact, ...others].find((x) => x.packageType === "binary") ?? artifact;
}

type Manner = Pick<DownloadOptions, "newSources" | "strategy" | "limits" | "onReports"> & {
  /** Told when somebody gives who gave nothing so far. @param sources all who give, by their ids */
  readonly onSources?: (sources: readonly string[]) => void;
  /** Told of a source, by its id, that gave something wrong. */
  readonly onRefused?: (source: string) => void;
  /** In place of a note: a source, by its id, gave nothing or something wrong. */
  readonly onTrouble?: (source: string, text: string) => void;
};

export async function fetchTo(
  c: Context,
  s: Session,
  artifact: Verified<Artifact>,
  sources: readonly Source[],
  destination: string,
  how: Manner,
): ReturnType<typeof downloadArtifact> {
  const progress = createProgress(c.out, "downloading", artifact.length);
  const alerts = new Map<string, Promise<void>>(), givers = new Set<string>();
  /** At once: a program that is killed later has told of it. */
  const raise = (source: string, error: UpdateError) => {
    if (!alerts.has(source)) alerts.set(source, alert(c, s.home, source, artifact.name, error));
  };
  const tell = how.onTrouble ?? ((_source: string, text: string) => c.out.note(text));
  const onEvent = (e: DownloadEvent) => {
    switch (e.type) {
      case "source":
        break;
      case "progress":
        progress.update(e.bytes, e.sources);
        if (e.sources.some(({ id }) => !givers.has(id))) {
          for (const { id } of e.sources) givers.add(id);
          how.onSources?.([...givers]);
        }
        break;
      case "hashing":
        progress.update(e.bytes, "checking what is already here");
        break;
      case "waiting":
        c.out.note(`waiting for process ${e.pid}, which is fetching the same file`);
        break;
      case "failed":
        // An empty cache is nothing to tell, one that the system cannot read is.
        if (e.error.code === "E_ABSENT" && e.source === "cache" && e.error.cause === undefined) break;
        progress.end();
        tell(e.source, c.out.line("warning", `${e.source}: ${e.error.message}`));
        break;
      case "refused":
        progress.end();
        tell(e.source, c.out.line("failed", `${e.source} was refused: ${e.error.message}`));
        how.onRefused?.(e.source);
        raise(e.source, e.error);
        break;
    }
  };
  try {
    const { partialDir } = s.home;
    const { signal } = c;
    const onReports = (reports: readonly SourceReport[]) => {
      s.health.note(...seenInDownload(reports, how, signal));
      how.onReports?.(reports);
    };
    return await downloadArtifact({ ...how, artifact, sources, partialDir, destination, signal, onEvent, onReports });
  } catch (e) {
    if (e instanceof AllSourcesFailedError) {
      // Such as several of whom one lied, and nobody could say who.
      for (const { source, error } of e.attempts) if (isIntegrityError(error)) raise(source, error);
    }
    throw e;
  } finally {
    progress.end();
    await Promise.all(alerts.values());
  }
}

function reuseLines({ bytesFetched, bytesReused }: Download, base: DeltaBase | undefined): string[] {
  if (base === undefined || bytesReused === 0) return [];
  return [
    `   ${formatBytes(bytesFetched)} fetched, ${formatBytes(bytesReused)} reused from ${base.delta.from.version}`,
  ];
}

/** A line for each source that did something. */
function sourceLines(reports: readonly SourceReport[]): string[] {
  const rows = reports.filter((r) => r.outcome !== "unused" && r.outcome !== "absent").map((r) => [
    ` ${r.id}`,
    `${r.pieces} piece${r.pieces === 1 ? "" : "s"}`,
    formatBytes(r.bytes),
    r.madeFrom !== null ? "patches" : r.bytesPerSecond === null ? "-" : `${formatBytes(r.bytesPerSecond)}/s`,
    r.lies > 0 ? `${r.lies} ${r.lies === 1 ? "lie" : "lies"}: refused` : r.outcome === "failed" ? "failed" : "",
  ]);
  return table(rows);
}

function sourceJson({ error, brokeOff: _, ...r }: SourceReport): Record<string, unknown> {
  return { ...r, code: error?.code ?? null, message: error?.message ?? null };
}

/** Where the file is to be put. Judged before anything is fetched: what is there would be replaced by a rename. */
async function outputOf(a: Arguments): Promise<string | undefined> {
  const output = a.string("output");
  if (output === undefined) return undefined;
  const info = await stat(output).catch(() => undefined); // what is absent is made, and what cannot be made is told then
  if (info === undefined || info.isFile()) return resolve(output);
  const what = info.isDirectory() ? "a folder" : "no ordinary file, and would be replaced by one";
  throw new UpdateError("E_USAGE", `--output: ${JSON.stringify(output)} is ${what}`, {
    hint: info.isDirectory() ? "name the file too, such as --output DIR/dchat" : "name a file of your own",
  });
}

/** Copies the proven file out of the cache, proving it again on the way. */
async function exportFile(c: Context, s: Session, artifact: Verified<Artifact>, output: string): Promise<string> {
  const cache = createCacheSource({ packagesDir: s.home.packagesDir });
  await downloadArtifact({
    artifact,
    sources: [cache],
    partialDir: s.home.partialDir,
    destination: output,
    signal: c.signal,
    onEvent: () => {},
  });
  if (artifact.format === "executable") await chmod(output, 0o755);
  return output;
}
