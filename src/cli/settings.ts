// configure-auto-update, configure-mirrors, configure-gossip and show-config. Design: docs/cli.md.
// Must not: act on the settings; the daemon and the commands read them.
import { type AutoUpdate, changeConfig, type Config, MAX_CHECK_INTERVAL_HOURS } from "../config/config.ts";
import { createHome, homeAt } from "../config/home.ts";
import { createHomeTrustStore } from "../config/trust-store.ts";
import { UpdateError } from "../errors.ts";
import { sha256Hex } from "../trust/hex.ts";
import { isVersion } from "../trust/naming.ts";
import { CHANNELS } from "../trust/release-terms.ts";
import { chainSettingJson, chainSettingLine } from "./chain.ts";
import type { Command } from "./command.ts";
import { mirrorJson, shownUrl } from "./known-mirrors.ts";
import { requirePeers } from "./peer-option.ts";
import { openConfig } from "./session.ts";

const onOff = (v: boolean): string => v ? "yes" : "no";

export const configureAutoUpdateCommand: Command = {
  name: "configure-auto-update",
  summary: "say what the node may do by itself",
  options: {
    enabled: { type: "truth", help: "update automatically" },
    "security-only": { type: "truth", help: "only security releases" },
    "check-interval": { type: "string", value: "HOURS", help: "hours between checks" },
    "auto-restart": { type: "truth", help: "switch versions without being asked" },
    "background-download": { type: "truth", help: "download before anybody asks" },
    channel: { type: "string", value: "C", help: "stable, beta or nightly" },
    pin: { type: "string", value: "V", help: "hold the node at this version; none releases it" },
  },
  async run(c, a) {
    const pin = a.string("pin");
    if (pin !== undefined && pin !== "none" && !isVersion(pin)) {
      throw new UpdateError("E_USAGE", "--pin must be a version such as 1.0.0, or none");
    }
    const home = homeAt(c.home);
    await createHome(home);
    const { autoUpdate } = await changeConfig(home, c, (old) => {
      const { pin: oldPin, ...u } = old.autoUpdate;
      const newPin = pin === undefined ? oldPin : pin === "none" ? undefined : pin;
      return {
        ...old,
        autoUpdate: {
          enabled: a.truth("enabled") ?? u.enabled,
          securityOnly: a.truth("security-only") ?? u.securityOnly,
          checkIntervalHours: a.integer("check-interval", 1, MAX_CHECK_INTERVAL_HOURS) ?? u.checkIntervalHours,
          autoRestart: a.truth("auto-restart") ?? u.autoRestart,
          backgroundDownload: a.truth("background-download") ?? u.backgroundDownload,
          channel: a.oneOf("channel", CHANNELS) ?? u.channel,
          ...(newPin === undefined ? {} : { pin: newPin }),
        },
      };
    });
    return {
      lines: [c.out.line("ok", "Auto-update configured:"), ...autoUpdateLines(autoUpdate)],
      json: { autoUpdate: { ...autoUpdate, pin: autoUpdate.pin ?? null } },
    };
  },
};

function autoUpdateLines(u: AutoUpdate): string[] {
  return [
    `  enabled              ${onOff(u.enabled)}`,
    `  security only        ${onOff(u.securityOnly)}`,
    `  check interval       ${u.checkIntervalHours} h`,
    `  auto restart         ${onOff(u.autoRestart)}`,
    `  background download  ${onOff(u.backgroundDownload)}`,
    `  channel              ${u.channel}`,
    `  pin                  ${u.pin ?? "none"}`,
  ];
}

export const configureMirrorsCommand: Command = {
  name: "configure-mirrors",
  summary: "say where this node is, and whether signed mirrors are used",
  options: {
    region: { type: "string", value: "R", help: "mirrors of this region are asked first; none forgets it" },
    "signed-mirrors": { type: "truth", help: "also use the mirrors that the release keys have signed (true)" },
  },
  async run(c, a) {
    const region = a.string("region");
    const home = homeAt(c.home);
    await createHome(home);
    const config = await changeConfig(home, c, (old) => ({
      ...old,
      region: region === undefined ? old.region : region === "none" ? undefined : region,
      signedMirrors: a.truth("signed-mirrors") ?? old.signedMirrors,
    }));
    return {
      lines: [c.out.line("ok", "Mirrors configured:"), ...mirrorSettingLines(config).map((line) => `  ${line}`)],
      json: { region: config.region ?? null, signedMirrors: config.signedMirrors },
    };
  },
};

export const configureGossipCommand: Command = {
  name: "configure-gossip",
  summary: "say which nodes of the network to connect to and to ask",
  options: {
    peer: {
      type: "string",
      value: "MULTIADDR",
      multiple: true,
      help: "a node, instead of those before; none forgets all",
    },
  },
  async run(c, a) {
    const given = a.strings("peer");
    const named = given.length === 1 && given[0] === "none" ? [] : given;
    requirePeers(named);
    const home = homeAt(c.home);
    await createHome(home);
    const { peers } = await changeConfig(
      home,
      c,
      (old) => given.length === 0 ? old : { ...old, peers: [...new Set(named)] },
    );
    return { lines: [c.out.line("ok", "Gossip configured:"), ...peerLines(peers)], json: { peers } };
  },
};

const peerLines = (peers: readonly string[]): string[] => [`peers    ${peers.length}`, ...peers.map((p) => `  ${p}`)];

function mirrorSettingLines({ region, signedMirrors }: Config): string[] {
  return [`region          ${region ?? "none"}`, `signed mirrors  ${onOff(signedMirrors)}`];
}

export const showConfigCommand: Command = {
  name: "show-config",
  summary: "show the configuration and the pinned root",
  options: {},
  async run(c) {
    const { home, config } = await openConfig(c);
    const state = await createHomeTrustStore(home.trustFile).load();
    const root = state === undefined
      ? null
      : { version: state.root.signed.version, sha256: sha256Hex(state.root.envelope.bytes) };
    const { autoUpdate } = config;
    return {
      lines: [
        `home     ${home.dir}`,
        `network  ${config.network ?? "none"}`,
        `root     ${root === null ? "none pinned" : `version ${root.version}, SHA-256 ${root.sha256}`}`,
        ...mirrorSettingLines(config),
        chainSettingLine(config.chain),
        `mirrors  ${config.mirrors.length}`,
        ...config.mirrors.map((m) => `  ${m.priority}  ${m.type}  ${shownUrl(m)}`),
        ...peerLines(config.peers),
        "auto-update",
        ...autoUpdateLines(autoUpdate),
      ],
      json: {
        home: home.dir,
        network: config.network ?? null,
        root,
        region: config.region ?? null,
        signedMirrors: config.signedMirrors,
        chain: chainSettingJson(config.chain),
        mirrors: config.mirrors.map(mirrorJson),
        peers: config.peers,
        autoUpdate: { ...autoUpdate, pin: autoUpdate.pin ?? null },
      },
    };
  },
};
