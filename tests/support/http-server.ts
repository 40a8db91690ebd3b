// Servers on loopback for tests: honest ones over node:http, and ones that write whatever bytes a lie needs.
// Must not: outlive the test that started them; `close` ends every connection.

import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";

const tlsFile = (name: string) => fileURLToPath(new URL(`./tls/${name}`, import.meta.url));

/** The authority that signed the certificate of every TLS server here (mirror.test, *.mirror.test, localhost, 127.0.0.1). */
export const CA_FILE = tlsFile("ca.pem");
/** The files of that certificate and its key. */
export const SERVER_TLS = { key: tlsFile("server.key"), cert: tlsFile("server.pem") };
const serverTls = () => ({ key: readFileSync(SERVER_TLS.key), cert: readFileSync(SERVER_TLS.cert) });

export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` or https. */
  readonly url: string;
  close(): Promise<void>;
}

/** A server that speaks correct HTTP. */
export function startHttpServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  o: { tls?: boolean; host?: string } = {},
): Promise<TestServer> {
  const server = o.tls ? createHttpsServer(serverTls(), handler) : createHttpServer(handler);
  return listen(server, o.tls ? "https" : "http", o.host);
}

/** A server that speaks HTTP/2 and nothing else; the handler is called as that of any other server. */
export function startHttp2Server(
  handler: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<TestServer> {
  return listen(createHttp2Server(serverTls(), handler), "https");
}

/** A server that is given each request's head as text and writes the answer as raw bytes. */
export function startRawServer(
  handler: (socket: Socket, head: string) => void,
  host = "127.0.0.1",
): Promise<TestServer> {
  const server = createTcpServer((socket) => {
    let head = "";
    socket.on("data", (chunk) => {
      if (socket.writableEnded) return; // what crossed the end is not heard
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      handler(socket, head);
      head = "";
    });
  });
  return listen(server, "http", host);
}

/** A server that accepts connections and does with them what the handler says. */
export function startTcpServer(handler: (socket: Socket) => void, o: { tls?: boolean } = {}): Promise<TestServer> {
  return o.tls ? listen(createTlsServer(serverTls(), handler), "https") : listen(createTcpServer(handler), "http");
}

/** A port on loopback where nobody listens. */
export async function unusedPort(): Promise<number> {
  const server = await startTcpServer((socket) => socket.destroy());
  await server.close();
  return server.port;
}

async function listen(server: Server, protocol: string, host = "127.0.0.1"): Promise<TestServer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // clients that hang up are part of the tests
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    port,
    url: `${protocol}://127.0.0.1:${port}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      (server as Partial<import("node:http").Server>).closeAllConnections?.(); // Bun and Deno hide HTTP sockets
      return closed;
    },
  };
}
