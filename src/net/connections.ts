// The open connections of a client: idle ones are used again, for requests that were judged the same way.
// HTTP/1.1 is spoken wherever the server can; HTTP/2 where it cannot (docs/decisions/0014-http-clients.md).
// Must not: limit how many there are at a time (whoever asks does), send anything itself.

import { abortable } from "../abortable.ts";
import { type Authorities, connect, type Route, speaksNoHttp1 } from "./connect.ts";
import type { HttpConnection } from "./connection.ts";
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
  const ending = new AbortController();
  const open = new Set<HttpConnection>();
  let idle: readonly Idle[] = [];
  /** Servers that speak nothing but HTTP/2, and the one connection to each, while there is one. */
  const sessions = new Map<string, Promise<HttpConnection> | undefined>();

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

  async function connectHttp1(route: Route, key: string, signal: AbortSignal): Promise<HttpConnection> {
    const connected = await connect(route, {
      ca: await o.authorities(),
      timeoutMs: o.timeoutMs,
      signal: AbortSignal.any([signal, ending.signal]),
      protocol: "http/1.1",
    });
    const connection = createHttp1Connection(connected, {
      onIdle(c) {
        idle = [...idle, { key, connection: c, sinceMs: performance.now() }];
        if (idle.length > MAX_IDLE) idle[0]?.connection.retire();
      },
      onGone,
    });
    open.add(connection);
    return connection;
  }

  async function connectHttp2(route: Route, key: string): Promise<HttpConnection> {
    const { socket } = await connect(route, {
      ca: await o.authorities(),
      timeoutMs: o.timeoutMs,
      signal: ending.signal, // whoever asked first is not the only one who waits for it
      protocol: "h2",
    });
    const connection = createHttp2Connection(socket, route.target.origin, {
      onIdle() {},
      onGone(c) {
        onGone(c);
        sessions.set(key, undefined);
      },
    });
    open.add(connection);
    return connection;
  }

  function sessionOf(route: Route, key: string): Promise<HttpConnection> {
    const known = sessions.get(key);
    if (known !== undefined) return known;
    const session = connectHttp2(route, key);
    sessions.delete(key); // to the end: the first of the map is the one not used for longest
    sessions.set(key, session);
    for (const oldest of sessions.keys()) if (sessions.size > MAX_IDLE) sessions.delete(oldest);
    session.catch(() => sessions.delete(key));
    return session;
  }

  return {
    async take(route, signal) {
      const key = keyOf(route);
      if (sessions.has(key)) return await abortable(sessionOf(route, key), signal);
      const connection = idleOf(key);
      if (connection !== undefined) return connection;
      try {
        return await connectHttp1(route, key, signal);
      } catch (e) {
        if (!speaksNoHttp1(e)) throw e;
        return await abortable(sessionOf(route, key), signal);
      }
    },
    destroyAll(e) {
      ending.abort(e);
      for (const connection of [...open]) connection.destroy(e);
    },
  };
}

/** One server at one set of addresses: a connection is never used for a request judged otherwise. */
function keyOf({ target, proxy, addresses }: Route): string {
  return [target.origin, proxy?.href ?? "", ...[...addresses].sort()].join(" ");
}
