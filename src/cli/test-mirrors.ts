// test-mirrors: latency, rate and freshness of each mirror, measured side by side. Design: docs/cli.md.
// Must not: let a mirror's answer change what is trusted, or prove anything: it only measures.
import type { Artifact, Verified } from "../api.ts";
import { foldRun, type Observation } from "../config/health-rules.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { asUpdateError, ERROR_CODES, type ErrorCode, UpdateError } from "../errors.ts";
import { pieceCount } from "../hash/piece-tree.ts";
import type { HttpClient } from "../net/http-client.ts";
import { createHttpsMirror, createHttpsSource } from "../sources/https.ts";
import { clientFor } from "../sources/index.ts";
import { isTemplate } from "../sources/mirror-url.ts";
import { acceptTimestamp, type TrustState, wantedSnapshot } from "../trust/client.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import { listReleases } from "../trust/releases.ts";
import { type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { disgrace, healthJson, openHealth } from "./mirror-health.ts";
import { isSupported, type KnownMirror, knownMirrorJson, loadKnownMirrors, unusable } from "./known-mirrors.ts";
import { formatBytes, table } from "./output.ts";
import { ownPlatform } from "./own-platform.ts";
import { hopRules, offlineClock, openConfig, updateClock, withHttp } from "./session.ts";

/** Enough for a connection to reach its speed; what comes is thrown away. */
const SAMPLE_PIECES = 8;
/** A slow mirror is judged by what it gives in this time. */
const SAMPLE_MS = 3000;

interface MirrorTest {
  readonly mirror: KnownMirror;
  readonly operational: boolean;
  readonly latencyMs: number | null;
  readonly bytesPerSecond: number | null;
  /** What the rate was measured over. */
  readonly sampleBytes: number;
  /** "fresh" also for a mirror of artifacts alone, which has nothing that could be old. */
  readonly freshness: "fresh" | "stale" | "expired" | "unknown";
  readonly timestampVersion: number | null;
  readonly code: ErrorCode | null;
  readonly message: string | null;
}

export const testMirrorsCommand: Command = {
  name: "test-mirrors",
  summary: "measure latency, rate and freshness of the mirrors",
  options: NETWORK_OPTIONS,
  async run(c, a) {
    const { home, config } = await openConfig(c);
    const state = await createHomeTrustStore(home.trustFile).load();
    const health = await openHealth(c, home);
    const mirrors = (await loadKnownMirrors(home, config, state))
      .filter((m) => isSupported(m.type) && unusable(m, hopRules(a)) === undefined)
      .toSorted((x, y) => x.priority - y.priority);
    if (mirrors.length === 0) {
      throw new UpdateError("E_NO_SOURCE", "no mirror is configured", {
        hint: "add one: dchat-update add-mirror --url URL --mirror-type https",
      });
    }
    const [sample] = state === undefined ? [] : listReleases(state, offlineClock(c)).artifacts
      .toSorted((x, y) => Number(isForThisMachine(y)) - Number(isForThisMachine(x)));
    const first = await withHttp(
      c,
      a,
      async (client) => await Promise.all(mirrors.map((m) => testMirror(c, client, m, { state, sample }))),
    );
    const newest = Math.max(0, ...first.map((t) => t.timestampVersion ?? 0));
    const tests = first.map((t): MirrorTest =>
      t.freshness === "fresh" && (t.timestampVersion ?? newest) < newest ? { ...t, freshness: "stale" } : t
    );
    const seen = tests.map(observationOf);
    const after = foldRun(health.known, seen, c.nowMs);
    health.note(...seen);
    await health.save();
    const operational = tests.filter((t) => t.operational).length;
    const rows = tests.map((t) => [
      c.out.line(t.operational ? "ok" : "failed", t.mirror.id),
      t.latencyMs === null ? "-" : `${t.latencyMs} ms`,
      t.bytesPerSecond === null ? "-" : `${formatBytes(t.bytesPerSecond)}/s`,
      t.freshness + (t.timestampVersion === null ? "" : ` (timestamp ${t.timestampVersion})`),
      [...(t.message === null ? [] : [t.message]), ...disgrace(after.get(t.mirror.id), c.nowMs)].join("; "),
    ]);
    return {
      lines: [
        ...table([["MIRROR", "LATENCY", "RATE", "FRESHNESS", ""], ...rows]),
        `${operational}/${tests.length} mirrors operational`,
      ],
      json: {
        operational,
        total: tests.length,
        mirrors: tests.map(({ mirror, sampleBytes: _, ...t }) => ({
          ...knownMirrorJson(mirror),
          ...t,
          health: healthJson(after.get(mirror.id), c.nowMs),
        })),
      },
    };
  },
};

/** A test proves nothing, so it calls nobody a liar: after a change of keys it cannot tell new from forged. */
function observationOf(t: MirrorTest): Observation {
  const { latencyMs, bytesPerSecond, timestampVersion } = t;
  const isReached = t.code === null || ERROR_CODES[t.code].exit >= 30 || t.code === "E_ABSENT";
  return {
    id: t.mirror.id,
    outcome: t.operational ? "success" : isReached ? "absent" : "failure",
    latencyMs,
    bytesPerSecond,
    bytes: t.sampleBytes,
    timestampVersion,
    ...(t.freshness === "unknown" ? {} : { isBehind: t.freshness !== "fresh" }),
  };
}

function isForThisMachine(a: Artifact): boolean {
  return a.platform === ownPlatform();
}

/** What a mirror is measured by; both are missing before the first check. */
interface Yardstick {
  readonly state: TrustState | undefined;
  readonly sample: Verified<Artifact> | undefined;
}

/** Latency of the first answer, rate of a sample of an artifact, and whether the timestamp is the newest known. */
async function testMirror(c: Context, anyClient: HttpClient, mirror: KnownMirror, y: Yardstick): Promise<MirrorTest> {
  const untested = { mirror, latencyMs: null, bytesPerSecond: null, sampleBytes: 0, timestampVersion: null } as const;
  const client = clientFor(mirror, anyClient);
  const startMs = performance.now();
  try {
    if (isTemplate(mirror.url)) {
      // Only a release's own URL means something here, so latency is that of the host.
      (await client.get(new URL(mirror.url).origin, c)).discard();
      const latencyMs = since(startMs);
      const rate = await measureRate(c, client, mirror, y.sample);
      return { ...untested, operational: true, latencyMs, freshness: "fresh", code: null, message: null, ...rate };
    }
    const timestamp = await createHttpsMirror({ url: mirror.url, client })
      .fetch("metadata/timestamp.json", MAX_METADATA_BYTES.timestamp, c);
    const latencyMs = since(startMs);
    const judged = judgeTimestamp(c, y.state, timestamp);
    const rate = await measureRate(c, client, mirror, y.sample);
    // The newest release cannot be on a mirror that is behind it, which is no fault beyond being behind.
    const isExcused = judged.freshness !== "fresh" && rate.code === "E_ABSENT";
    return { ...untested, latencyMs, ...judged, ...(isExcused ? {} : rate) };
  } catch (e) {
    const error = asUpdateError(e);
    if (error.retry !== "elsewhere") throw error; // the operator's mistake, or an interruption
    return { ...untested, operational: false, freshness: "unknown", code: error.code, message: error.message };
  }
}

function since(startMs: number): number {
  return Math.max(1, Math.round(performance.now() - startMs));
}

/** Reads the beginning of the sample. A mirror without it is not complete, and says so. */
async function measureRate(
  c: Context,
  client: HttpClient,
  mirror: KnownMirror,
  sample: Verified<Artifact> | undefined,
): Promise<Partial<MirrorTest>> {
  if (sample === undefined) return {};
  const startMs = performance.now();
  let bytes = 0;
  try {
    const source = createHttpsSource({ url: mirror.url, priority: mirror.priority, client });
    const reader = await source.open(sample, c);
    for await (const chunk of reader.read(0, Math.min(SAMPLE_PIECES, pieceCount(sample.length)), c)) {
      bytes += chunk.length;
      if (since(startMs) >= SAMPLE_MS) break;
    }
    return { bytesPerSecond: Math.round(bytes * 1000 / since(startMs)), sampleBytes: bytes };
  } catch (e) {
    const error = asUpdateError(e), { code, message } = error;
    if (error.retry !== "elsewhere") throw error;
    return { operational: false, code, message };
  }
}

function judgeTimestamp(
  c: Context,
  state: TrustState | undefined,
  bytes: Uint8Array,
): Pick<MirrorTest, "operational" | "freshness" | "timestampVersion" | "code" | "message"> {
  if (state === undefined) {
    return {
      operational: true,
      freshness: "unknown",
      timestampVersion: null,
      code: null,
      message: "no trust root to judge by",
    };
  }
  try {
    const next = acceptTimestamp(state, bytes, updateClock(c));
    wantedSnapshot(next, updateClock(c)); // a version that is known is accepted at any age; this asks for its age
    return {
      operational: true,
      freshness: "fresh",
      timestampVersion: next.timestamp?.signed.version ?? null,
      code: null,
      message: null,
    };
  } catch (e) {
    const error = asUpdateError(e);
    const { code, message } = error;
    if (code === "E_ROLLBACK") return { operational: true, freshness: "stale", timestampVersion: null, code, message };
    if (code === "E_EXPIRED") return { operational: true, freshness: "expired", timestampVersion: null, code, message };
    return { operational: false, freshness: "unknown", timestampVersion: null, code, message };
  }
}
