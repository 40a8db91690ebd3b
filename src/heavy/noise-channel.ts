// Noise by the library as far as its handshake goes, then our own messages over the keys it agreed on.
// Design: docs/decisions/0025-peer-data-path.md. Must not: change the handshake, or keep keys.
import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions, SecuredConnection } from "@libp2p/interface";
import { type ICryptoInterface, noise } from "@libp2p/noise";
import { noiseCrypto } from "./noise-crypto.ts";
import { RecordChannel, type RecordKeys } from "./record-channel.ts";
import { readsInto } from "./tcp-reads.ts";

type Encrypter = ConnectionEncrypter<unknown>;
type Components = Parameters<ReturnType<typeof noise>>[0];

/** For `connectionEncrypters` of the library's node. */
export function noiseChannel(): (components: Components) => Encrypter {
  return (components) => {
    const secure = async (
      way: "secureInbound" | "secureOutbound",
      connection: MessageStream,
      o?: SecureConnectionOptions,
    ): Promise<SecuredConnection<unknown>> => {
      const { crypto, keys } = recording(noiseCrypto());
      const lent = lend(connection);
      try {
        const secured = await noise({ crypto })(components)[way](lent.connection, o);
        const [initiators, responders] = keys();
        const own: RecordKeys = way === "secureOutbound"
          ? { send: initiators, receive: responders }
          : { send: responders, receive: initiators };
        return { ...secured, connection: lent.takeBack(own) };
      } catch (e) {
        lent.end();
        throw e;
      }
    };
    return {
      protocol: "/noise",
      secureInbound: (connection, o) => secure("secureInbound", connection, o),
      secureOutbound: (connection, o) => secure("secureOutbound", connection, o),
    };
  };
}

/** Cryptography that tells the keys of one connection: those that Split() derives, from no input (section 5.2 of Noise). */
function recording(crypto: ICryptoInterface) {
  let split: readonly [Uint8Array, Uint8Array] | undefined;
  const getHKDF: ICryptoInterface["getHKDF"] = (chainingKey, input) => {
    const derived = crypto.getHKDF(chainingKey, input);
    if (input.length === 0) split = [derived[0], derived[1]];
    return derived;
  };
  return {
    crypto: { ...crypto, getHKDF },
    keys() {
      if (split === undefined) throw new Error("the handshake has derived no keys");
      return split;
    },
  };
}

/** The connection for the handshake alone: whatever listens to it or was left unread is known, and can be taken back. */
function lend(connection: MessageStream) {
  type Listening = Parameters<MessageStream["addEventListener"]>;
  let listening: Listening[] = [];
  const unread: Uint8Array[] = [];
  const instead: Record<PropertyKey, unknown> = {
    addEventListener(...args: Listening) {
      listening.push(args);
      connection.addEventListener(...args);
    },
    removeEventListener(...args: Listening) {
      listening = listening.filter(([type, listener]) => type !== args[0] || listener !== args[1]);
      connection.removeEventListener(...args);
    },
    /** Where the library puts back what came behind the handshake. */
    unshift: (data: Uint8Array | Iterable<Uint8Array>) =>
      void unread.unshift(...data instanceof Uint8Array ? [data] : data),
  };
  const end = () => listening.splice(0).forEach(([type, listener]) => connection.removeEventListener(type, listener));
  return {
    connection: new Proxy(connection, {
      get(target, name) {
        if (Object.hasOwn(instead, name)) return instead[name];
        const value: unknown = Reflect.get(target, name, target);
        const isMethod = typeof value === "function" && !Object.hasOwn(target, name); // the log is a function as well
        return isMethod ? value.bind(target) : value;
      },
    }),
    end,
    takeBack(keys: RecordKeys): RecordChannel {
      end();
      const channel = new RecordChannel(connection, keys);
      readsInto(connection, channel);
      queueMicrotask(() => unread.forEach((bytes) => channel.received(bytes))); // whoever asked for the channel has it then
      return channel;
    },
  };
}
