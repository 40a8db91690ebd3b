// A host for as long as a command runs: its identity is made for the occasion, and nobody can connect to it.
// Design: docs/gossip.md, "What a command asks". Must not: outlive the command, or hear what is said on the topic.
import type { Connection } from "@libp2p/interface";
import { generateKeyPairSync } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { loadLibp2p } from "../heavy/gossip.ts";
import { createHost } from "./host.ts";
import { topicOf } from "./message.ts";
import { requirePeerAddress, withoutPeer } from "./peer-address.ts";

export interface PassingHostOptions {
  readonly network: string;
  /** Multiaddrs that the operator named: they may lead anywhere. */
  readonly named: readonly string[];
  readonly allowPrivate: boolean;
}

export interface PassingHost {
  /** @throws Error when nobody answers there, or somebody else */
  dial(address: string, signal: AbortSignal): Promise<Connection>;
  /** Within a second, whatever the peers do. */
  stop(): Promise<void>;
}

/** Closing connections politely is not worth more. */
const STOP_MS = 1_000;

export async function startPassingHost({ network, named, allowPrivate }: PassingHostOptions): Promise<PassingHost> {
  const library = await loadLibp2p();
  const host = await createHost(library, {
    topic: topicOf(network),
    identity: passingIdentity(),
    listen: [],
    named: new Set(named.map((address) => withoutPeer(requirePeerAddress(address, "the peer").text))),
    allowPrivate,
    isShutOut: () => false,
  });
  await host.start();
  return {
    dial: async (address, signal) => await host.dial(library.multiaddr(address), { signal }),
    stop: async () => await Promise.race([Promise.resolve(host.stop()), delay(STOP_MS, undefined, { ref: false })]),
  };
}

/** 64 bytes: seed and public key. The node that runs on this home, if there is one, has another. */
function passingIdentity(): Uint8Array {
  const { d = "", x = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.concat([Buffer.from(d, "base64url"), Buffer.from(x, "base64url")]));
}
