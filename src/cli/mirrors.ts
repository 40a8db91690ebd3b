// add-mirror, remove-mirror, list-mirrors, test-mirrors. Design: docs/cli.md.
// Must not: let a mirror's answer change what is trusted; test-mirrors only measures.
import type { Mirror } from "../api.ts";
import {
  changeConfig,
  DEFAULT_PRIORITY,
  MAX_MIRRORS,
  MIRROR_TYPES,
  type MirrorEntry,
  type MirrorType,
} from "../config/config.ts";
import { createHome, homeAt } from "../config/home.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { isLoopbackHost } from "../net/proxy-env.ts";
import { createHttpsMirror, isTemplate, parseMirrorUrl } from "../sources/https.ts";
import { SOURCE_KINDS } from "../sources/index.ts";
import type { HttpClient } from "../net/http-client.ts";
import { acceptTimestamp, type TrustState, wantedSnapshot } from "../trust/client.ts";
import { MAX_METADATA_BYTES } from "../trust/metadata.ts";
import { table } from "./check.ts";
import { type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { formatBytes } from "./output.ts";
import { openConfig, updateClock, withHttp } from "./session.ts";

/**
 * A mirror's URL as it is stored: checked, without a trailing slash.
 * @throws UpdateError E_USAGE, E_FORBIDDEN_ADDRESS for plain http to another machine
 */
export function checkMirrorUrl(text: string, type: MirrorType, allowInsecure: boolean): string {
  if (type !== "https") {
    if (URL.canParse(text) && text.length <= 2048) return text;
    throw new UpdateError("E_USAGE", `${JSON.stringify(text.slice(0, 100))} is not a URL`);
  }
  const url = parseMirrorUrl(text);
  if (url.protocol === "http:" && !allowInsecure && !isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ""))) {
    throw new UpdateError("E_FORBIDDEN_ADDRESS", "a mirror needs https; plain http is for this machine only", {
      hint: "use https, or say --allow-insecure if you know what you do",
    });
  }
  return text.replace(/\/+$/, "");
}

export const addMirrorCommand: Command = {
  name: "add-mirror",
  summary: "add a place to download from",
  options: {
    url: { type: "string", value: "URL", help: "base URL of a repository, or a template with {version} {name} …" },
    "mirror-type": { type: "string", value: "TYPE", help: "https (default), ipfs or bittorrent" },
    region: { type: "string", value: "R", help: "where it is, for people" },
    priority: { type: "string", value: "N", help: `lower is asked first (${DEFAULT_PRIORITY})` },
    "allow-insecure": { type: "boolean", help: "allow plain http to another machine" },
  },
  async run(c, a) {
    const type = a.oneOf("mirror-type", MIRROR_TYPES) ?? "https";
    const region = a.string("region");
    const entry: MirrorEntry = {
      url: checkMirrorUrl(a.required("url"), type, a.flag("allow-insecure")),
      type,
      priority: a.integer("priority", 0, 1_000_000) ?? DEFAULT_PRIORITY,
      ...(region === undefined ? {} : { region }),
    };
    const home = homeAt(c.home);
    await createHome(home);
    const config = await changeConfig(home, c, (old) => {
      const others = old.mirrors.filter((m) => m.url !== entry.url);
      if (others.length >= MAX_MIRRORS) throw new UpdateError("E_USAGE", `more than ${MAX_MIRRORS} mirrors`);
      return { ...old, mirrors: [...others, entry] };
    });
    if (!isSupported(type)) {
      c.out.warn(
        `this version downloads over ${SOURCE_KINDS.filter((k) => k !== "cache").join(" and ")} only: ${notUsed(type)}`,
      );
    }
    return {
      lines: [c.out.line("ok", `Mirror added: ${entry.url} (${type}, priority ${entry.priority})`)],
      json: { added: mirrorJson(entry), mirrors: config.mirrors.map(mirrorJson) },
    };
  },
};

const isSupported = (type: MirrorType): boolean => SOURCE_KINDS.includes(type);
const notUsed = (type: MirrorType): string => `the ${type} mirror is kept in the configuration and not used`;

/** A mirror as every command shows it; "supported" says whether this version downloads over it. */
export function mirrorJson(m: MirrorEntry): Record<string, unknown> {
  return { url: m.url, type: m.type, region: m.region ?? null, priority: m.priority, supported: isSupported(m.type) };
}

export const removeMirrorCommand: Command = {
  name: "remove-mirror",
  summary: "forget a mirror",
  options: { url: { type: "string", value: "URL", help: "as list-mirrors shows it" } },
  async run(c, a) {
    const url = a.required("url").replace(/\/+$/, "");
    const home = homeAt(c.home);
    const { config: before } = await openConfig(c);
    if (!before.mirrors.some((m) => m.url === url)) {
      throw new UpdateError("E_USAGE", `there is no mirror ${JSON.stringify(url.slice(0, 200))}`, {
        hint: "see: dchat-update list-mirrors",
      });
    }
    await createHome(home);
    const config = await changeConfig(
      home,
      c,
      (old) => ({ ...old, mirrors: old.mirrors.filter((m) => m.url !== url) }),
    );
    return {
      lines: [c.out.line("ok", `Mirror removed: ${url}`)],
      json: { removed: url, mirrors: config.mirrors.map(mirrorJson) },
    };
  },
};

export const listMirrorsCommand: Command = {
  name: "list-mirrors",
  summary: "show the mirrors",
  options: {},
  async run(c) {
    const { config } = await openConfig(c);
    const mirrors = config.mirrors.toSorted((x, y) => x.priority - y.priority);
    const rows = mirrors.map((m) => [
      String(m.priority),
      m.type + (isSupported(m.type) ? "" : " (not used by this version)"),
      m.region ?? "-",
      m.url,
    ]);
    return {
      lines: mirrors.length === 0
        ? ["no mirrors; add one: dchat-update add-mirror --url URL --mirror-type https"]
        : table([["PRIORITY", "TYPE", "REGION", "URL"], ...rows]),
      json: { mirrors: mirrors.map(mirrorJson) },
    };
  },
};

interface MirrorTest {
  readonly mirror: MirrorEntry;
  readonly operational: boolean;
  readonly latencyMs: number | null;
  readonly bytesPerSecond: number | null;
  /** "fresh" also for a mirror of artifacts alone, which has nothing that could be old. */
  readonly freshness: "fresh" | "stale" | "expired" | "unknown";
  readonly timestampVersion: number | null;
  readonly code: string | null;
  readonly message: string | null;
}

export const testMirrorsCommand: Command = {
  name: "test-mirrors",
  summary: "measure latency, rate and freshness of the mirrors",
  options: NETWORK_OPTIONS,
  async run(c, a) {
    const { home, config } = await openConfig(c);
    const state = await createHomeTrustStore(home.trustFile).load();
    const mirrors = config.mirrors.filter((m) => isSupported(m.type)).toSorted((x, y) => x.priority - y.priority);
    if (mirrors.length === 0) {
      throw new UpdateError("E_NO_SOURCE", "no mirror is configured", {
        hint: "add one: dchat-update add-mirror --url URL --mirror-type https",
      });
    }
    const first = await withHttp(
      c,
      a,
      async (client) => await Promise.all(mirrors.map((m) => testMirror(c, client, m, state))),
    );
    const newest = Math.max(0, ...first.map((t) => t.timestampVersion ?? 0));
    const tests = first.map((t): MirrorTest =>
      t.freshness === "fresh" && (t.timestampVersion ?? newest) < newest ? { ...t, freshness: "stale" } : t
    );
    const operational = tests.filter((t) => t.operational).length;
    const rows = tests.map((t) => [
      c.out.line(t.operational ? "ok" : "failed", t.mirror.url),
      t.latencyMs === null ? "-" : `${t.latencyMs} ms`,
      t.bytesPerSecond === null ? "-" : `${formatBytes(t.bytesPerSecond)}/s`,
      t.freshness + (t.timestampVersion === null ? "" : ` (timestamp ${t.timestampVersion})`),
      t.message ?? "",
    ]);
    return {
      lines: [
        ...table([["MIRROR", "LATENCY", "RATE", "FRESHNESS", ""], ...rows]),
        `${operational}/${tests.length} mirrors operational`,
      ],
      json: {
        operational,
        total: tests.length,
        mirrors: tests.map(({ mirror, ...t }) => ({ ...mirrorJson(mirror), ...t })),
      },
    };
  },
};

/** Latency of the first byte of the timestamp, rate of the bundle, and whether the timestamp is the newest known. */
async function testMirror(
  c: Context,
  client: HttpClient,
  mirror: MirrorEntry,
  state: TrustState | undefined,
): Promise<MirrorTest> {
  const untested = { mirror, latencyMs: null, bytesPerSecond: null, timestampVersion: null } as const;
  const startMs = performance.now();
  const since = () => Math.max(1, Math.round(performance.now() - startMs));
  try {
    if (isTemplate(mirror.url)) {
      // Only a release's own URL means something here, so all that can be asked is whether the host answers.
      const answer = await client.get(new URL(mirror.url).origin, c);
      answer.discard();
      return { ...untested, operational: true, latencyMs: since(), freshness: "fresh", code: null, message: null };
    }
    const source: Mirror = createHttpsMirror({ url: mirror.url, client });
    const timestamp = await source.fetch("metadata/timestamp.json", MAX_METADATA_BYTES.timestamp, c);
    const latencyMs = since();
    const bytesPerSecond = await measureRate(c, source);
    return { ...untested, latencyMs, bytesPerSecond, ...judgeTimestamp(c, state, timestamp) };
  } catch (e) {
    const error = asUpdateError(e);
    if (error.code === "E_INTERRUPTED") throw error;
    return { ...untested, operational: false, freshness: "unknown", code: error.code, message: error.message };
  }
}

/** Rate of the bundle, the one larger file that every mirror has; null where it has none. */
async function measureRate(c: Context, source: Mirror): Promise<number | null> {
  const startMs = performance.now();
  try {
    const { length } = await source.fetch("bundle.json", 8 * 2 ** 20, c);
    return Math.round(length * 1000 / Math.max(1, performance.now() - startMs));
  } catch (e) {
    if (asUpdateError(e).code === "E_ABSENT") return null;
    throw e;
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
