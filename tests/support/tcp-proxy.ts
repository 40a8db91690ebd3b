// Leads TCP connections to a server: counts what the server sends, and can be cut like a cable.
// Must not: change a byte.
import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  /** That the server has sent. */
  bytes(): number;
  /** Ends all connections, and lets none through until it is healed. */
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(host: string, target: string, port: number): Promise<TcpProxy> {
  let bytes = 0, isCut = false;
  const open = new Set<Socket>();
  const endAll = () => open.forEach((socket) => socket.destroy());
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = connect({ host: target, port });
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      open.add(from);
      from.on("error", () => to.destroy()).on("close", () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    upstream.on("data", (chunk) => bytes += chunk.length);
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    bytes: () => bytes,
    cut() {
      isCut = true;
      endAll();
    },
    heal: () => void (isCut = false),
    async close() {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
