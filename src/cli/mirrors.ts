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
import { mirrorId, parseMirrorUrl } from "../sources/mirror-url.ts";
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
    throw new UpdateError("E_USAGE", `a mirror of type ${type} needs a URL`);
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
      lines: [c.out.line("ok", `Mirror added: ${shownUrl(entry)} (${type}, priority ${entry.priority})`)],
      json: { added: mirrorJson(entry), mirrors: config.mirrors.map(mirrorJson) },
    };
  },
};

/** True when this version downloads over mirrors of that type. */
export const isSupported = (type: MirrorType): boolean => SOURCE_KINDS.includes(type);
const notUsed = (type: MirrorType): string => `the ${type} mirror is kept in the configuration and not used`;

/** A mirror as every command shows it; "supported" says whether this version downloads over it. */
export function mirrorJson(m: MirrorEntry): Record<string, unknown> {
  const { type, region, priority } = m;
  return { url: shownUrl(m), type, region: region ?? null, priority, supported: isSupported(type) };
}

/** A mirror's URL for people, logs and other programs: without user and password, and the query of a web address. */
export function shownUrl({ url: text, type }: Pick<MirrorEntry, "url" | "type">): string {
  if (!URL.canParse(text)) return "(not a URL)"; // the configuration can be edited by hand
  if (type === "https") {
    try {
      return mirrorId(text);
    } catch {
      return "(not a mirror's URL)";
    }
  }
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  url.username = url.password = "";
  return url.href;
}

export const removeMirrorCommand: Command = {
  name: "remove-mirror",
  summary: "forget a mirror",
  options: { url: { type: "string", value: "URL", help: "as list-mirrors shows it" } },
  async run(c, a) {
    const url = a.required("url").replace(/\/+$/, "");
    const home = homeAt(c.home);
    const { config: before } = await openConfig(c);
    const meant = before.mirrors.filter((m) => m.url === url);
    const [mirror, other] = meant.length > 0 ? meant : before.mirrors.filter((m) => shownUrl(m) === url);
    if (mirror === undefined) {
      const shown = JSON.stringify(shownUrl({ url, type: "https" }).slice(0, 200));
      throw new UpdateError("E_USAGE", `there is no mirror ${shown}`, { hint: "see: dchat-update list-mirrors" });
    }
    if (other !== undefined) {
      throw new UpdateError("E_USAGE", `several mirrors are shown as ${shownUrl(mirror)}`, {
        hint: "give the URL as config.json has it, with user, password and query",
      });
    }
    await createHome(home);
    const config = await changeConfig(
      home,
      c,
      (old) => ({ ...old, mirrors: old.mirrors.filter((m) => m.url !== mirror.url) }),
    );
    return {
      lines: [c.out.line("ok", `Mirror removed: ${shownUrl(mirror)}`)],
      json: { removed: shownUrl(mirror), mirrors: config.mirrors.map(mirrorJson) },
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
      shownUrl(m),
    ]);
    return {
      lines: mirrors.length === 0
        ? ["no mirrors; add one: dchat-update add-mirror --url URL --mirror-type https"]
        : table([["PRIORITY", "TYPE", "REGION", "URL"], ...rows]),
      json: { mirrors: mirrors.map(mirrorJson) },
    };
  },
};
