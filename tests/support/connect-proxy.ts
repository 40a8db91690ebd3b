// A real HTTP proxy for tunnels (CONNECT), which resolves names by a table of its own.
// Must not: forward anything but tunnels.

import { connect, type Socket } from "node:net";
import { startTcpServer, type TestServer } from "./http-server.ts";

export interface ConnectProxy extends TestServer {
  /** The head of each request it was sent. */
  readonly heads: readonly string[];
}

/** @param names maps each host name the proxy knows to a port on loopback; others are answered with 502 */
export async function startConnectProxy(
  names: Readonly<Record<string, number>>,
  o: { tls?: boolean } = {},
): Promise<ConnectProxy> {
  const heads: string[] = [];
  const serve = (client: Socket) => {
    client.once("data", (chunk) => {
      const head = chunk.toString("latin1");
      heads.push(head);
      const port = names[/^CONNECT ([^:]+):/.exec(head)?.[1] ?? ""];
      if (port === undefined) return void client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      const upstream = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      upstream.on("error", () => client.destroy());
      client.on("close", () => upstream.destroy());
    });
  };
  const server = await startTcpServer(serve, o);
  return { ...server, heads };
}
