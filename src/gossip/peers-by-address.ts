// Peers at known addresses as sources of pieces, for a command that runs without a node.
// Design: docs/gossip.md, "What a command asks". Must not: load the library, or connect, before one of them is asked.
import type { Connection } from "@libp2p/interface";
import type { Source } from "../api.ts";
import { type PassingHost, type PassingHostOptions, startPassingHost } from "./passing-host.ts";
import { requirePeerAddress } from "./peer-address.ts";
import { PEER_PROTOCOL } from "./peer-protocol.ts";
import { createPeerSource } from "./peer-source.ts";

export interface PeersByAddressOptions extends PassingHostOptions {
  /** Multiaddrs. */
  readonly addresses: readonly string[];
  readonly priority: number;
}

export interface PeersByAddress {
  /** One for each address, under the peer's id where the address names it. */
  readonly sources: readonly Source[];
  /** Hangs up. Never throws. */
  close(): Promise<void>;
}

export function createPeersByAddress(o: PeersByAddressOptions): PeersByAddress {
  let starting: Promise<PassingHost> | undefined;

  function sourceAt(address: string): Source {
    let dialling: Promise<Connection> | undefined;

    /** What is there, or a new one. */
    async function connection(signal: AbortSignal): Promise<Connection> {
      const last = await dialling?.catch(() => undefined);
      if (last?.status === "open") return last;
      const { dial } = await (starting ??= startPassingHost(o));
      return await (dialling = dial(address, signal));
    }

    return createPeerSource({
      peer: requirePeerAddress(address, "the peer").peer ?? address,
      priority: o.priority,
      openStream: async (signal) => await (await connection(signal)).newStream(PEER_PROTOCOL, { signal }),
    });
  }

  return {
    sources: o.addresses.map(sourceAt),
    async close() {
      const host = await starting?.catch(() => undefined);
      await host?.stop();
    },
  };
}
