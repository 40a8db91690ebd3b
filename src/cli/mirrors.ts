// add-mirror, remove-mirror, list-mirrors: the mirrors of the configuration. Design: docs/cli.md.
// Must not: ask a mirror anything; test-mirrors does.
import {
  changeConfig,
  DEFAULT_PRIORITY,
  MAX_MIRRORS,
  MIRROR_TYPES,
  type MirrorEntry,
  type MirrorType,
} from "../config/config.ts";
import { createHome, homeAt } from "../config/home.ts";
import { UpdateError } from "../errors.ts";
import { isLoopbackHost } from "../net/proxy-env.ts";
import { parseMirrorUrl } from "../sources/https.ts";
import { SOURCE_KINDS } from "../sources/index.ts";
import { table } from "./check.ts";
import type { Command } from "./command.ts";
import { openConfig } from "./session.ts";

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

/** True when this version downloads over mirrors of that type. */
export const isSupported = (type: MirrorType): boolean => SOURCE_KINDS.includes(type);
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
