// Opens the connection of one request: to exactly the addresses that were judged, through a proxy's tunnel where one
// is named, with TLS on top. Design: "the connection goes to exactly that address" of docs/formats.md.
// Must not: resolve names, judge addresses.

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { UpdateError } from "../errors.ts";
import { parseAddress } from "./address.ts";
import { causeOf, timedOut, unreachable } from "./net-error.ts";
import { hostOf } from "./proxy-env.ts";
import { openTunnel } from "./tunnel.ts";

/** One way to a server: where to connect, and through which proxy. */
export interface Route {
  /** The server that is asked. */
  readonly target: URL;
  /** Addresses of the proxy if there is one, of the target otherwise; any of them will do, in this order. */
  readonly addresses: readonly string[];
  readonly proxy: URL | undefined;
}

/** All certificate authorities to trust, in PEM; undefined for the runtime's own. */
export type Authorities = readonly string[] | undefined;

export interface ConnectOptions {
  readonly ca: Authorities;
  /** For everything up to the finished handshake. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A connected socket on which HTTP can be spoken.
 * @throws UpdateError E_UNREACHABLE, E_TIMEOUT; the signal's reason
 */
export async function connect(route: Route, o: ConnectOptions): Promise<Socket> {
  const timeout = new AbortController();
  const progress: Progress = { host: firstHost(route), missing: "no connection" };
  const timer = setTimeout(() => timeout.abort(timedOut(progress.host, progress.missing, o.timeoutMs)), o.timeoutMs);
  try {
    return await establish(route, o.ca, progress, AbortSignal.any([o.signal, timeout.signal]));
  } catch (e) {
    throw unreachable(progress.host, e);
  } finally {
    clearTimeout(timer);
  }
}

/** Where the work stands, so that a time-out can say what it waited for. */
interface Progress {
  host: string;
  missing: string;
}

const firstHost = (route: Route): string => route.proxy === undefined ? route.target.host : `proxy ${route.proxy.host}`;

async function establish(route: Route, ca: Authorities, progress: Progress, signal: AbortSignal): Promise<Socket> {
  const first = route.proxy ?? route.target;
  const tcp = await race(route.addresses, Number(first.port || (first.protocol === "https:" ? 443 : 80)), signal);
  try {
    tcp.setNoDelay(true);
    progress.missing = "no TLS handshake";
    const outer = first.protocol === "https:" ? await startTls(tcp, first, progress.host, ca, signal) : tcp;
    if (route.proxy === undefined || route.target.protocol === "http:") return outer;
    progress.missing = "no answer to CONNECT";
    await openTunnel(outer, route.target, route.proxy, signal);
    Object.assign(progress, { host: route.target.host, missing: "no TLS handshake" });
    return await startTls(outer, route.target, progress.host, ca, signal);
  } catch (e) {
    tcp.destroy();
    throw e;
  }
}

// RFC 8305, section 8: "Connection Attempt Delay".
const ATTEMPT_DELAY_MS = 250;
// A name with more addresses than this is not asking for more patience.
const MAX_ATTEMPTS = 8;

/** Connects to whichever address answers first, starting the next one when the last has failed or is slow. */
function race(addresses: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = addresses.slice(0, MAX_ATTEMPTS);
    const running = new Set<Socket>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (winner: Socket | undefined, error?: unknown) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      waiting.length = 0;
      for (const socket of running) if (socket !== winner) socket.destroy();
      if (winner === undefined) reject(error);
      else resolve(winner);
    };
    const onAbort = () => settle(undefined, signal.reason);
    const startNext = () => {
      clearTimeout(timer);
      const host = waiting.shift();
      if (host === undefined) return;
      const socket = connectTcp({ host, port });
      running.add(socket);
      socket.once("connect", () => settle(socket));
      // Stays for the socket's life: an error after the race is told by whoever uses it, and must not be uncaught.
      socket.on("error", (e) => {
        if (!running.delete(socket)) return;
        if (running.size === 0 && waiting.length === 0) settle(undefined, e);
        else startNext();
      });
      if (waiting.length > 0) timer = setTimeout(startNext, ATTEMPT_DELAY_MS);
    };
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    startNext();
  });
}

function startTls(socket: Socket, url: URL, name: string, ca: Authorities, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const host = hostOf(url);
    const secure = connectTls({
      socket,
      host, // whom the certificate must name
      ...(parseAddress(host) === undefined ? { servername: host } : {}), // RFC 6066: no addresses in SNI
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ALPNProtocols: ["http/1.1"],
    });
    const onAbort = () => secure.destroy(signal.reason);
    signal.addEventListener("abort", onAbort);
    const done = () => signal.removeEventListener("abort", onAbort);
    secure.once("secureConnect", () => {
      done();
      resolve(secure);
    });
    secure.once("close", () => {
      done();
      reject(tlsError(name, "connection lost", undefined)); // without effect after success or an error
    });
    secure.on("error", (e) => {
      done();
      reject(signal.aborted ? signal.reason : tlsError(name, causeOf(e), e));
    });
  });
}

function tlsError(name: string, cause: string, e: unknown): UpdateError {
  return new UpdateError("E_UNREACHABLE", `${name}: TLS verification or handshake failed: ${cause}`, {
    cause: e,
    hint: "if the server's certificate comes from an authority of your own, name it with --ca-file",
  });
}
