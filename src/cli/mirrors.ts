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
import { parseMirrorUrl } from "../sources/mirror-url.ts";
import { SOURCE_KINDS } from "../sources/index.ts";
import type { Command } from "./command.ts";
import { disgrace, HEALTH_HEAD, healthCells } from "./mirror-health.ts";
import { viewMirrors } from "./mirror-view.ts";
import { isSupported, listKnownMirrors, mirrorJson, shownUrl, unusable } from "./known-mirrors.ts";
import { table } from "./output.ts";
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
  return bare(text);
}

const bare = (url: string): string => url.replace(/\/+$/, "");

export const addMirrorCommand: Command = {
  name: "add-mirror",
  summary: "add a place to download from",
  options: {
    url: { type: "string", value: "URL", help: "base URL of a repository, or a template with {version} {name} …" },
    "mirror-type": { type: "string", value: "TYPE", help: "https (default), ipfs or bittorrent" },
    region: { type: "string", value: "R", help: "where it is; mirrors of this node's region are asked first" },
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

const notUsed = (type: MirrorType): string => `the ${type} mirror is kept in the configuration and not used`;

export const removeMirrorCommand: Command = {
  name: "remove-mirror",
  summary: "forget a mirror",
  options: { url: { type: "string", value: "URL", help: "as list-mirrors shows it" } },
  async run(c, a) {
    const url = bare(a.required("url"));
    const { home, config: before } = await openConfig(c);
    const meant = before.mirrors.filter((m) => bare(m.url) === url);
    const [mirror, other] = meant.length > 0 ? meant : before.mirrors.filter((m) => bare(shownUrl(m)) === url);
    if (mirror === undefined) {
      const shown = JSON.stringify(shownUrl({ url, type: "https" }).slice(0, 200));
      const known = await listKnownMirrors(home, before);
      if (known.some((m) => m.id === url)) {
        throw new UpdateError("E_USAGE", `${shown} is not yours to remove: the release keys have signed it`, {
          hint: "use no signed mirrors: configure-mirrors --no-signed-mirrors; or add it with a --priority of your own",
        });
      }
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
  summary: "show the mirrors and what they were worth so far",
  options: {},
  async run(c) {
    const { home, config } = await openConfig(c);
    const { mirrors, json } = await viewMirrors(c, home, config, await listKnownMirrors(home, config));
    const rows = mirrors.map(({ mirror: m, health }) => [
      String(m.priority),
      m.type + (isSupported(m.type) ? "" : " (not used by this version)"),
      m.region ?? "-",
      ...healthCells(health),
      m.id,
      [
        ...(m.origin === "signed" ? ["signed by the release keys"] : []),
        ...(unusable(m, { allowInsecure: false, allowPrivate: false }) === undefined ? [] : [
          "not used without --allow-insecure or --allow-private",
        ]),
        ...disgrace(health, c.nowMs),
      ].join("; "),
    ]);
    return {
      lines: mirrors.length === 0
        ? ["no mirrors; add one: dchat-update add-mirror --url URL --mirror-type https"]
        : table([["PRIORITY", "TYPE", "REGION", ...HEALTH_HEAD, "URL", ""], ...rows]),
      json: { mirrors: json },
    };
  },
};
