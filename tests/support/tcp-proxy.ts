// Leads TCP connections to a server: counts what the server sends, can be cut like a cable, and slow like a line.
// Must not: change a byte.
import { connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";

export interface TcpProxy {
  /** That the server has sent. */
  bytes(): number;
  /** Ends all connections, and lets none through until it is healed. */
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

/** @param bytesPerSecond of what the server sends on a connection; default: no limit */
export async function startTcpProxy(
  host: string,
  target: string,
  port: number,
  bytesPerSecond?: number,
): Promise<TcpProxy> {
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
      if (from === client || bytesPerSecond === undefined) from.pipe(to);
      else from.pipe(slowly(bytesPerSecond)).pipe(to);
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

function slowly(bytesPerSecond: number): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      setTimeout(() => done(null, chunk), chunk.length * 1000 / bytesPerSecond);
    },
  });
}
