// Makes one write of what the cipher hands to the socket in small parts: it would write the two bytes of each message's
// length by themselves, as a system call and a packet of their own.
// Design: "The network of nodes" of docs/architecture.md. Must not: change a byte, or know what they mean.
import type { ConnectionEncrypter, MessageStream } from "@libp2p/interface";
import { Socket } from "node:net";

/** @returns the encrypter, over connections that write whole messages */
export function withJoinedWrites(encrypter: ConnectionEncrypter): ConnectionEncrypter {
  return {
    protocol: encrypter.protocol,
    secureInbound: (connection, o) => encrypter.secureInbound(joined(connection), o),
    secureOutbound: (connection, o) => encrypter.secureOutbound(joined(connection), o),
  };
}

/** The connection itself, which others know too. Where its socket is not to be seen, it writes as it did. */
function joined<T extends MessageStream>(connection: T): T {
  // The library's TCP connections keep their socket under this name, and tell it to nobody.
  const { socket } = connection as { readonly socket?: unknown };
  if (!(socket instanceof Socket)) return connection;
  const send = connection.send.bind(connection);
  connection.send = (data) => {
    socket.cork();
    try {
      return send(data);
    } finally {
      socket.uncork();
    }
  };
  return connection;
}
