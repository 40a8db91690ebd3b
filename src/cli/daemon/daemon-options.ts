// The options of whoever stays with the network: `daemon`, and `run`, which starts one beside the node.
// Design: docs/cli.md, daemon. Must not: open anything; a command line that is wrong is told before anything begins.
import { resolve } from "node:path";
import { requirePeerAddress } from "../../gossip/peer-address.ts";
import { type Arguments, NETWORK_OPTIONS, type OptionSpec } from "../command.ts";
import { requirePeers } from "../peer-option.ts";
import { type Preflight, PREFLIGHT_OPTIONS, readPreflight } from "../preflight-options.ts";

/** On every address of this machine, of either family where it has both. */
const DEFAULT_LISTEN = { listen: ["/ip4/0.0.0.0/tcp/4217"], spareListen: ["/ip6/::/tcp/4217"] };

export const SERVICE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  listen: { type: "string", value: "MULTIADDR", multiple: true, help: "where to listen (all addresses, port 4217)" },
  peer: { type: "string", value: "MULTIADDR", multiple: true, help: "a node to stay connected to" },
  mdns: { type: "boolean", help: "find nodes on the same LAN by multicast DNS" },
  "max-upload": { type: "string", value: "RATE", help: "bytes per second given to peers, such as 500K, 20M" },
  "metrics-port": { type: "string", value: "PORT", help: "serve /metrics and /healthz on this port of 127.0.0.1" },
  "no-gossip": { type: "boolean", help: "no peers: mirrors alone are asked" },
  ...PREFLIGHT_OPTIONS,
  ...NETWORK_OPTIONS,
};

export interface ServiceOptions {
  /** Undefined without peers. */
  readonly gossip: {
    /** Multiaddrs. */
    readonly listen: readonly string[];
    /** More, about which nothing is said where they cannot be had. */
    readonly spareListen: readonly string[];
    /** Those of the command line; the configuration may name more. */
    readonly peers: readonly string[];
    readonly uploadBytesPerSecond: number | undefined;
    readonly mdns: boolean;
    readonly allowPrivate: boolean;
  } | undefined;
  readonly metricsPort: number | undefined;
  readonly preflight: Preflight | undefined;
}

/** @throws UpdateError E_USAGE */
export function readServiceOptions(a: Arguments): ServiceOptions {
  const listen = a.strings("listen"), peers = a.strings("peer");
  for (const address of listen) requirePeerAddress(address, "--listen");
  requirePeers(peers);
  const gossip = {
    ...(listen.length > 0 ? { listen, spareListen: [] } : DEFAULT_LISTEN),
    peers,
    uploadBytesPerSecond: a.rate("max-upload"),
    mdns: a.flag("mdns"),
    allowPrivate: a.flag("allow-private"),
  };
  return {
    gossip: a.flag("no-gossip") ? undefined : gossip,
    metricsPort: a.integer("metrics-port", 1, 65535),
    preflight: readPreflight(a),
  };
}

/** The options that were given, as words of a command line that may be run in another folder. */
export function givenOptions(a: Arguments, specs: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(specs).flatMap(([name, { type, multiple, value: kind }]) => {
    if (type === "boolean") return a.flag(name) ? [`--${name}`] : [];
    const value = a.string(name);
    const given = multiple === true ? a.strings(name) : value === undefined ? [] : [value];
    const values = kind === "FILE" ? given.map((v) => resolve(v)) : given;
    return values.flatMap((v) => v.startsWith("-") ? [`--${name}=${v}`] : [`--${name}`, v]);
  });
}
