// config.json: the mirrors and the operator's wishes. Design: "State on disk"; docs/formats.md.
// Read strictly, written atomically under a lock; unknown fields survive a change. Must not: hold trust.
import { join } from "node:path";
import type { Channel, Opts } from "../api.ts";
import { BAKED_MIRRORS } from "../baked.ts";
import { writeFileAtomic } from "../disk/atomic-file.ts";
import { withLock } from "../disk/lock.ts";
import { UpdateError } from "../errors.ts";
import { Field } from "../trust/fields.ts";
import { type JsonObject, parseJsonObject } from "../trust/json.ts";
import { CHANNELS } from "../trust/release-terms.ts";
import { corruptIfMalformed, jsonBytes, readStateIfThere } from "./home-file.ts";
import type { Home } from "./home.ts";

export const MIRROR_TYPES = ["https", "ipfs", "bittorrent"] as const;
export type MirrorType = (typeof MIRROR_TYPES)[number];

export interface MirrorEntry {
  readonly url: string;
  readonly type: MirrorType;
  readonly region?: string;
  /** Lower is asked first. */
  readonly priority: number;
}

export interface AutoUpdate {
  readonly enabled: boolean;
  readonly securityOnly: boolean;
  readonly checkIntervalHours: number;
  readonly autoRestart: boolean;
  readonly backgroundDownload: boolean;
  readonly channel: Channel;
  /** A version this node is held at. */
  readonly pin?: string;
}

/** How the node's own chain is asked: by the URL of its RPC or by a command, one of the two. */
export interface ChainAccessConfig {
  readonly url?: string;
  /** For the shell. */
  readonly command?: string;
  /** Without a final block for so long the chain counts as stuck. */
  readonly stuckAfterMinutes: number;
}

export interface Config {
  readonly network: string | undefined;
  /** Where this node is, in the words that its mirrors use. */
  readonly region: string | undefined;
  readonly mirrors: readonly MirrorEntry[];
  /** Whether the mirrors that the release keys have signed are used besides. */
  readonly signedMirrors: boolean;
  /** Multiaddrs of nodes of the network, to connect to and to ask. */
  readonly peers: readonly string[];
  /** Absent while nobody has said how to ask the chain. */
  readonly chain: ChainAccessConfig | undefined;
  readonly autoUpdate: AutoUpdate;
}

/** A chain whose blocks take longer has other problems; and a node that restarts is not stuck at once. */
export const DEFAULT_STUCK_AFTER_MINUTES = 10;
/** A month. */
export const MAX_STUCK_AFTER_MINUTES = 43_200;
const CONFIG_FORMAT = "dchat-config-1";
/** Leaves room for others on both sides. */
export const DEFAULT_PRIORITY = 100;
/** All of them are asked at once for what is newest. */
export const MAX_MIRRORS = 64;
/** More peers to stay connected to than these bring nothing: a message reaches everybody over six. */
export const MAX_PEERS = 32;
/** A year; longer is "never", and that is what `--enabled false` says. */
export const MAX_CHECK_INTERVAL_HOURS = 8760;

/** What a home without a configuration has. */
export const DEFAULT_CONFIG: Config = {
  network: undefined,
  region: undefined,
  mirrors: BAKED_MIRRORS.map((url) => ({ url, type: "https", priority: DEFAULT_PRIORITY })),
  signedMirrors: true,
  peers: [],
  chain: undefined,
  autoUpdate: {
    enabled: false,
    securityOnly: false,
    checkIntervalHours: 24,
    autoRestart: false,
    backgroundDownload: true,
    channel: "stable",
  },
};

// Sixty-four mirrors with long URLs come to some 100 KB.
const MAX_CONFIG_BYTES = 1 << 20;

/**
 * The configuration of a home, or undefined where there is none yet.
 * @throws UpdateError E_STATE_CORRUPT naming the field that is wrong
 */
export async function readConfig(home: Home): Promise<Config | undefined> {
  const raw = await readRaw(home);
  return raw === undefined ? undefined : parseConfig(raw);
}

async function readRaw(home: Home): Promise<JsonObject | undefined> {
  const bytes = await readStateIfThere(home.configFile, MAX_CONFIG_BYTES);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => parseJsonObject(bytes, "config.json"));
}

function parseConfig(raw: JsonObject): Config {
  return corruptIfMalformed(() => {
    const f = new Field(raw, "config.json");
    f.get("format").oneOf([CONFIG_FORMAT]);
    const mirrors = f.get("mirrors").array();
    if (mirrors.length > MAX_MIRRORS) f.get("mirrors").fail(`more than ${MAX_MIRRORS} mirrors`);
    const a = f.get("autoUpdate");
    const pin = a.get("pin").optional((v) => v.line(64));
    return {
      network: f.get("network").optional((n) => n.line(64)),
      region: f.get("region").optional((r) => r.line(64)),
      mirrors: mirrors.map(parseMirror),
      signedMirrors: f.get("signedMirrors").optional((v) => v.boolean()) ?? DEFAULT_CONFIG.signedMirrors,
      peers: f.get("peers").optional(parsePeers) ?? [],
      chain: f.get("chain").optional(parseChain),
      autoUpdate: {
        enabled: a.get("enabled").boolean(),
        securityOnly: a.get("securityOnly").boolean(),
        checkIntervalHours: a.get("checkIntervalHours").integer(1),
        autoRestart: a.get("autoRestart").boolean(),
        backgroundDownload: a.get("backgroundDownload").boolean(),
        channel: a.get("channel").oneOf(CHANNELS),
        ...(pin === undefined ? {} : { pin }),
      },
    };
  });
}

function parsePeers(f: Field): string[] {
  const peers = f.array().map((p) => p.line(400));
  return peers.length > MAX_PEERS ? f.fail(`more than ${MAX_PEERS} peers`) : peers;
}

function parseChain(f: Field): ChainAccessConfig {
  const url = f.get("url").optional((u) => u.line(2048)), command = f.get("command").optional((c) => c.line(4096));
  if ((url === undefined) === (command === undefined)) f.fail("must have either a url or a command");
  if (url !== undefined && !URL.canParse(url)) f.get("url").fail("must be a URL");
  const minutes = f.get("stuckAfterMinutes").optional((m) => m.integer(1)) ?? DEFAULT_STUCK_AFTER_MINUTES;
  if (minutes > MAX_STUCK_AFTER_MINUTES) f.get("stuckAfterMinutes").fail(`must be at most ${MAX_STUCK_AFTER_MINUTES}`);
  return {
    ...(url === undefined ? {} : { url }),
    ...(command === undefined ? {} : { command }),
    stuckAfterMinutes: minutes,
  };
}

function parseMirror(f: Field): MirrorEntry {
  const region = f.get("region").optional((r) => r.line(64));
  return {
    url: f.get("url").line(2048),
    type: f.get("type").oneOf(MIRROR_TYPES),
    priority: f.get("priority").integer(0),
    ...(region === undefined ? {} : { region }),
  };
}

/** What a command line can hold and the configuration cannot must not lock its owner out. */
function requireReadable(bytes: Uint8Array): void {
  try {
    parseConfig(parseJsonObject(bytes, "config.json"));
  } catch (cause) {
    if (!(cause instanceof UpdateError)) throw cause;
    throw new UpdateError("E_USAGE", cause.message, { cause });
  }
}

/**
 * Changes the configuration: reads, applies `change`, writes, all under one lock.
 * @throws UpdateError E_USAGE when the result could not be read again; E_LOCKED, E_STATE_CORRUPT, E_IO, E_DISK_FULL;
 *   the old file then stands
 */
export async function changeConfig(home: Home, o: Opts, change: (c: Config) => Config): Promise<Config> {
  return await withLock(join(home.dir, "config.lock"), o, async () => {
    const raw = await readRaw(home);
    const next = change(raw === undefined ? DEFAULT_CONFIG : parseConfig(raw));
    const document = { ...raw, format: CONFIG_FORMAT, ...next };
    const bytes = jsonBytes(document);
    requireReadable(bytes);
    await writeFileAtomic(home.configFile, bytes);
    return next;
  });
}
