// How bytes of a TCP connection reach its channel: where we dial, the kernel writes them into the channel's memory; where
// somebody dialled us, the runtime allocates for each read, which goes back at once. Not by events, once there is a channel.
// Design: docs/decisions/0025-peer-data-path.md; `onread` is that of docs/decisions/0014-http-clients.md.
// Must not: know what the bytes mean.
import type { MessageStream, Transport, Upgrader } from "@libp2p/interface";
import { tcp, type TCPComponents, type TCPOptions } from "@libp2p/tcp";
import type { OnReadOpts } from "node:net";
import { type NetworkLimits, sharedOut } from "./network-shares.ts";
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

export interface ListenOptions {
  /** Told of an address that cannot be listened on; the library keeps to itself why. */
  readonly onListenFailure: (address: string, error: unknown) => void;
}

/** For `transports` of the library's node. */
export function readingTcp(
  options: TCPOptions & NetworkLimits & ListenOptions,
): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp(options)(components);
    const createListener = transport.createListener.bind(transport);
    let shared: Upgrader | undefined; // of all listeners
    transport.createListener = (o) => {
      const listener = createListener({ ...o, upgrader: shared ??= sharedOut(o.upgrader, options) });
      const listen = listener.listen.bind(listener);
      listener.listen = async (address) => {
        try {
          await listen(address);
        } catch (e) {
          options.onListenFailure(address.toString(), e);
          throw e;
        }
      };
      return listener;
    };
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
