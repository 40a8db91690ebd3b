// Opens a connection: to exactly the addresses that were judged, through a proxy's tunnel where one is named, with TLS
// on top. Design: "the connection goes to exactly that address" of docs/formats.md.
// Must not: resolve names, judge addresses, speak HTTP but to ask a proxy for a tunnel.

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { underDeadline } from "../abortable.ts";
import { UpdateError } from "../errors.ts";
import { parseAddress } from "./address.ts";
import { createHeldTransport, type Flow, joinFlows, pausesTls } from "./held-transport.ts";
import { causeOf, timedOut, unreachable } from "./net-error.ts";
import { hostOf } from "./proxy-env.ts";
import { createReceiveBuffer, type ReceiveBuffer } from "./receive-buffer.ts";
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
  /** What TLS agrees on; without TLS it is HTTP/1.1. */
  readonly protocol: "http/1.1" | "h2";
}

export interface Connected {
  readonly socket: Socket;
  /** The socket with all that is below it. */
  readonly flow: Flow;
  /** Where its bytes arrive, for HTTP/1.1; HTTP/2 reads the socket itself. */
  readonly receive: ReceiveBuffer;
}

/**
 * A connected socket on which HTTP can be spoken.
 * @throws UpdateError E_UNREACHABLE, E_TIMEOUT; the signal's reason
 */
export async function connect(route: Route, o: ConnectOptions): Promise<Connected> {
  const progress: Progress = { host: firstHost(route), missing: "no connection" };
  const late = () => timedOut(progress.host, progress.missing, o.timeoutMs);
  try {
    return await underDeadline(o.timeoutMs, late, o.signal, (signal) => establish(route, progress, { ...o, signal }));
  } catch (e) {
    throw unreachable(progress.host, e);
  }
}

/** True for what `connect` threw when the server has no HTTP/1.1 (RFC 7301, section 3.2); the same code everywhere. */
export function speaksNoHttp1(e: unknown): boolean {
  const cause = e instanceof UpdateError ? e.cause : undefined;
  return (cause as { code?: unknown } | undefined)?.code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";
}

/** Where the work stands, so that a time-out can say what it waited for. */
interface Progress {
  host: string;
  missing: string;
}

const firstHost = (route: Route): string => route.proxy === undefined ? route.target.host : `proxy ${route.proxy.host}`;

async function establish(route: Route, progress: Progress, o: ConnectOptions): Promise<Connected> {
  const { target, proxy, addresses } = route;
  const first = proxy ?? target;
  const hasTunnel = proxy !== undefined && target.protocol === "https:";
  const port = Number(first.port || (first.protocol === "https:" ? 443 : 80));
  const protocol = hasTunnel ? "http/1.1" : o.protocol;
  const isTls = first.protocol === "https:";
  const isLayered = isTls && protocol === "http/1.1" && !pausesTls();
  const attempt = (host: string): Attempt => {
    const receive = createReceiveBuffer();
    const reads = !hasTunnel && !isLayered && protocol === "http/1.1" ? { onread: receive.onread } : {};
    const to = { host, port, ...reads };
    const isSecure = isTls && !isLayered;
    const socket = isSecure ? connectTls({ ...to, ...tlsOptions(first, { ...o, protocol }) }) : connectTcp(to);
    const ready = isSecure ? handshake(socket, progress.host, o.signal) : Promise.resolve();
    return { socket, receive, flow: socket, ready };
  };
  const { ready, ...raced } = await race(addresses, attempt, o.signal);
  try {
    let connected: Connected = raced;
    raced.socket.setNoDelay(true);
    progress.missing = "no TLS handshake";
    await ready;
    if (isLayered) connected = await layTls(connected, first, progress.host, { ...o, protocol });
    if (hasTunnel) {
      progress.missing = "no answer to CONNECT";
      await openTunnel(connected.socket, target, proxy, o.signal);
      Object.assign(progress, { host: target.host, missing: "no TLS handshake" });
      connected = await layTls(connected, target, progress.host, o);
    }
    const { socket, receive } = connected;
    // Not into our memory: `onread` is for sockets that TLS makes itself.
    const isReadByEvents = socket !== raced.socket && o.protocol === "http/1.1";
    if (isReadByEvents) socket.on("data", (bytes) => receive.deliver({ bytes, owner: "runtime" }));
    return connected;
  } catch (e) {
    raced.socket.destroy();
    throw e;
  }
}

/**
 * TLS over a connection that exists.
 * @param name who answers, for messages
 */
async function layTls(below: Connected, url: URL, name: string, o: ConnectOptions): Promise<Connected> {
  // HTTP/2 has a flow control of its own.
  const isHeld = o.protocol === "http/1.1" && !pausesTls();
  const held = isHeld ? createHeldTransport(below.socket, below.flow) : undefined;
  const socket = connectTls({ socket: held?.stream ?? below.socket, ...tlsOptions(url, o) });
  await handshake(socket, name, o.signal);
  return { socket, flow: held === undefined ? socket : joinFlows(held, socket), receive: below.receive };
}

/** A connection to one of several addresses. */
interface Attempt extends Connected {
  /** The handshake, if there is one. */
  readonly ready: Promise<void>;
}

// RFC 8305, section 8: "Connection Attempt Delay".
const ATTEMPT_DELAY_MS = 250;
// A name with more addresses than this is not asking for more patience.
const MAX_ATTEMPTS = 8;

/** Connects to whichever address answers first, starting the next one when the last has failed or is slow. */
function race(
  addresses: readonly string[],
  attempt: (address: string) => Attempt,
  signal: AbortSignal,
): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const waiting = addresses.slice(0, MAX_ATTEMPTS);
    const running = new Map<Socket, Attempt>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (winner: Attempt | undefined, error?: unknown) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      waiting.length = 0;
      for (const socket of running.keys()) if (socket !== winner?.socket) socket.destroy();
      if (winner === undefined) reject(error);
      else resolve(winner);
    };
    const onAbort = () => settle(undefined, signal.reason);
    const startNext = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) return;
      const started = attempt(address);
      const { socket } = started;
      running.set(socket, started);
      started.ready.catch(() => {}); // told to whoever waits for it, if anybody does
      socket.once("connect", () => settle(started));
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

function tlsOptions(url: URL, { ca, protocol }: ConnectOptions): ConnectionOptions {
  const host = hostOf(url);
  const isName = parseAddress(host) === undefined;
  return {
    // Whom the certificate must name; an address is not told to the server (RFC 6066, section 3).
    ...(isName ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ALPNProtocols: [protocol],
  };
}

/** @param name who answers, for messages */
function handshake(secure: Socket, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => secure.destroy(signal.reason);
    signal.addEventListener("abort", onAbort);
    const done = () => signal.removeEventListener("abort", onAbort);
    secure.once("secureConnect", () => {
      done();
      resolve();
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
