// How bytes of a TCP connection reach its channel: where we dial, the kernel writes them into the channel's memory; where
// somebody dialled us, the runtime allocates for each read, which goes back at once. Not by events, once there is a channel.
// And how many connections others may have here: the library counts them all together alone.
// Design: docs/decisions/0025-peer-data-path.md; `onread` is that of docs/decisions/0014-http-clients.md; docs/gossip.md,
// "Connections". Must not: know what the bytes mean.
import type { MessageStream, MultiaddrConnection, Transport, Upgrader } from "@libp2p/interface";
import { tcp, type TCPComponents, type TCPOptions } from "@libp2p/tcp";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { OnReadOpts } from "node:net";
import type { RecordChannel } from "./record-channel.ts";
import { release } from "./release.ts";

/** For the handshake. */
const FIRST_READ_BYTES = 4 << 10;

/** Deno reads into the same memory again, of Bun it is not known. */
const IS_MADE_FOR_EACH_READ = !("Deno" in globalThis || "Bun" in globalThis);

/** The library's connections hand over what they read by this method; it is not part of their interface. */
interface Reading {
  onData(data: Uint8Array): void;
}

const channels = new WeakMap<object, RecordChannel>();

/** From now on the channel gets what comes on the connection. */
export function readsInto(connection: MessageStream, channel: RecordChannel): void {
  channels.set(connection, channel);
  const isOurs = IS_MADE_FOR_EACH_READ && "socket" in connection;
  const onData = (data: Uint8Array | Iterable<Uint8Array>) => {
    for (const bytes of data instanceof Uint8Array ? [data] : data) {
      channel.received(bytes);
      if (isOurs) release(bytes); // the runtime made it for this read
    }
  };
  Object.assign(connection, { onData });
}

/** What is one network: an IPv4 address, or the 64 bits of an IPv6 one behind which a subscriber has all the others. */
export interface NetworkLimits {
  /** Connections that somebody there has made: with so many no more handshakes are begun. */
  readonly maxInboundOfNetwork: number;
  /** Handshakes at a time: the library has places for some in all, which one must not take. */
  readonly maxHandshakesOfNetwork: number;
}

/** The upgrader, with a place in each network's share for as long as a handshake and a connection last. */
export function sharedOut(upgrader: Upgrader, o: NetworkLimits): Upgrader {
  const open = new Map<string, number>(), handshakes = new Map<string, number>();
  const take = (count: Map<string, number>, network: string) => count.set(network, (count.get(network) ?? 0) + 1);
  const giveBack = (count: Map<string, number>, network: string) => {
    const left = (count.get(network) ?? 0) - 1;
    if (left > 0) count.set(network, left);
    else count.delete(network);
  };

  /** Whoever rejects here is hung up on by the listener. */
  async function upgradeInbound(made: MultiaddrConnection, how: unknown): Promise<void> {
    const network = networkOf(made.remoteAddr);
    if ((open.get(network) ?? 0) >= o.maxInboundOfNetwork) throw new Error("too many connections of one network");
    if ((handshakes.get(network) ?? 0) >= o.maxHandshakesOfNetwork) {
      throw new Error("too many handshakes of one network");
    }
    take(handshakes, network);
    try {
      await Reflect.apply(upgrader.upgradeInbound, upgrader, [made, how]);
    } finally {
      giveBack(handshakes, network);
    }
    if (made.status !== "open") return; // it will not close once more
    take(open, network);
    made.addEventListener("close", () => giveBack(open, network), { once: true });
  }

  return Object.create(upgrader, { upgradeInbound: { value: upgradeInbound } });
}

function networkOf(address: Multiaddr): string {
  const { name, value } = address.getComponents().find((c) => c.name === "ip4" || c.name === "ip6") ?? {};
  if (value === undefined) return address.toString();
  const bytes = multiaddr(`/${name}/${value}`).bytes.subarray(1); // without the code of the protocol
  const isMapped = bytes.length === 16 && bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
  return (isMapped ? bytes.subarray(12) : bytes.subarray(0, 8)).join(".");
}

/** For `transports` of the library's node. */
export function readingTcp(options: TCPOptions & NetworkLimits): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp(options)(components);
    const createListener = transport.createListener.bind(transport);
    let shared: Upgrader | undefined; // of all listeners
    transport.createListener = (o) => createListener({ ...o, upgrader: shared ??= sharedOut(o.upgrader, options) });
    const dial = transport.dial.bind(transport);
    transport.dial = (address, o) => {
      let connection: (MessageStream & Reading) | undefined;
      const first = new Uint8Array(FIRST_READ_BYTES);
      const channel = () => connection && channels.get(connection);
      const onread: OnReadOpts = {
        buffer: () => channel()?.room() ?? first,
        callback(byteCount, memory) {
          if (memory.buffer === first.buffer) connection?.onData(first.slice(0, byteCount));
          else channel()?.filled(byteCount);
          return true;
        },
      };
      const upgrader: typeof o.upgrader = Object.create(o.upgrader, {
        upgradeOutbound: {
          value(made: MessageStream & Reading, how: unknown) {
            connection = made;
            return Reflect.apply(o.upgrader.upgradeOutbound, o.upgrader, [made, how]);
          },
        },
      });
      // What it does not know it passes on to `connect`.
      return dial(address, { ...o, upgrader, onread } as typeof o);
    };
    return transport;
  };
}
