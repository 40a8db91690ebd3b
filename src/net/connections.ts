// The open connections of a client: idle ones are used again, for requests that were judged the same way.
// HTTP/1.1 is spoken wherever the server can; HTTP/2 where it cannot (docs/decisions/0014-http-clients.md).
// Must not: limit how many there are at a time (whoever asks does), send anything itself.

import { createAbortScope } from "../abortable.ts";
import { type Authorities, connect, type ConnectOptions, type Route, speaksNoHttp1 } from "./connect.ts";
import type { ConnectionOwner, HttpConnection } from "./connection.ts";
import { createHttp1Connection } from "./http1-connection.ts";
import { createHttp2Connection } from "./http2-connection.ts";

export interface ConnectionsOptions {
  readonly authorities: () => Promise<Authorities>;
  /** For everything up to the finished handshake. */
  readonly timeoutMs: number;
}

export interface Connections {
  /**
   * A connection for one request, which must be sent at once.
   * @throws UpdateError E_UNREACHABLE, E_TIMEOUT; the signal's reason
   */
  take(route: Route, signal: AbortSignal): Promise<HttpConnection>;
  /** Ends all of them; their requests fail with the error, and there will be no more. */
  destroyAll(e: unknown): void;
}

interface Idle {
  readonly key: string;
  readonly connection: HttpConnection;
  readonly sinceMs: number;
}

/** More than any command talks to; only a daemon whose mirrors change their addresses gets here. */
export const MAX_IDLE = 32;
// Longer than that and whatever stands between us and the server may have forgotten the connection.
const MAX_IDLE_MS = 30_000;

export function createConnections(o: ConnectionsOptions): Connections {
  const scope = createAbortScope();
  const open = new Set<HttpConnection>();
  let idle: readonly Idle[] = [];
  /** Servers that speak nothing but HTTP/2, the one used last at the end. */
  const http2Only = new Set<string>();

  function idleOf(key: string): HttpConnection | undefined {
    const oldestMs = performance.now() - MAX_IDLE_MS;
    for (const { connection, sinceMs } of idle) if (sinceMs < oldestMs) connection.retire();
    const found = idle.findLast((i) => i.key === key); // the one the server has least reason to end
    idle = idle.filter((i) => i !== found);
    return found?.connection;
  }

  function onGone(connection: HttpConnection): void {
    open.delete(connection);
    idle = idle.filter((i) => i.connection !== connection);
  }

  async function connectBy(
    protocol: ConnectOptions["protocol"],
    route: Route,
    key: string,
    signal: AbortSignal,
  ): Promise<HttpConnection> {
    const ca = await o.authorities();
    const connected = await scope.during(
      signal,
      (signal) => connect(route, { ca, timeoutMs: o.timeoutMs, signal, protocol }),
    );
    const owner: ConnectionOwner = {
      onIdle(c) {
        idle = [...idle, { key, connection: c, sinceMs: performance.now() }];
        if (idle.length > MAX_IDLE) idle[0]?.connection.retire();
      },
      onGone,
    };
    const connection = protocol === "h2"
      ? createHttp2Connection(connected.socket, route.target.origin, owner)
      : createHttp1Connection(connected, owner);
    open.add(connection);
    return connection;
  }

  async function connectHttp2(route: Route, key: string, signal: AbortSignal): Promise<HttpConnection> {
    http2Only.delete(key);
    const connection = await connectBy("h2", route, key, signal);
    http2Only.add(key);
    for (const oldest of http2Only) if (http2Only.size > MAX_IDLE) http2Only.delete(oldest);
    return connection;
  }

  return {
    async take(route, signal) {
      const key = keyOf(route);
      const connection = idleOf(key);
      if (connection !== undefined) return connection;
      if (http2Only.has(key)) return await connectHttp2(route, key, signal);
      try {
        return await connectBy("http/1.1", route, key, signal);
      } catch (e) {
        if (!speaksNoHttp1(e)) throw e;
        return await connectHttp2(route, key, signal);
      }
    },
    destroyAll(e) {
      scope.abort(e);
      for (const connection of [...open]) connection.destroy(e);
    },
  };
}

/** One server at one set of addresses: a connection is never used for a request judged otherwise. */
function keyOf({ target, proxy, addresses }: Route): string {
  return [target.origin, proxy?.href ?? "", ...[...addresses].sort()].join(" ");
}
