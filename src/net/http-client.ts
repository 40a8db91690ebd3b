// The one way to the network: GET with redirects followed by hand, every hop judged before it is connected to; POST for
// programs that answer questions, such as a chain's RPC.
// Design: "sources, redirects, proxies, time-outs" of docs/architecture.md; "resolved once" of docs/formats.md.
// Must not: decide what an answer is worth, keep anything between requests but idle connections.

import { lookup } from "node:dns/promises";
import type { Pool } from "undici";
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { loadUndici } from "../heavy/http.ts";
import { type AddressScope, classifyAddress } from "./address.ts";
import { loadAuthorities } from "./authorities.ts";
import { type Authorities, connect, type Route } from "./connect.ts";
import { basicCredentials, publicUrl } from "./credentials.ts";
import { type Answer, exchange } from "./exchange.ts";
import { allowedAddresses, parseRedirect, parseRequestUrl } from "./hop.ts";
import { timedOut, unreachable } from "./net-error.ts";
import type { NetworkPolicy } from "./network-policy.ts";
import { hostOf, proxyFor } from "./proxy-env.ts";

export interface GetOptions extends Opts {
  readonly headers?: Readonly<Record<string, string>>;
  /** 5 by default. */
  readonly maxRedirects?: number;
  /** No hop may be more private than this, the first one included; by default than the first one. */
  readonly floor?: AddressScope;
}

export interface PostOptions extends Opts {
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent; kept small by the caller. */
  readonly body: Uint8Array;
  /** The place may not be more private than this. */
  readonly floor?: AddressScope;
}

/** An answer to the last hop. Its body must be read or discarded, or its connection stays open. */
export interface HttpResponse extends Answer {
  /** Where it came from in the end, without credentials or query. */
  readonly url: string;
}

export interface HttpClient {
  /**
   * @throws UpdateError E_UNREACHABLE, E_TIMEOUT, E_FORBIDDEN_ADDRESS, E_HTTP_STATUS (too many or bad redirects, an
   *   encoded body), E_USAGE (not a URL), E_INTERRUPTED
   */
  get(url: string, o: GetOptions): Promise<HttpResponse>;
  /**
   * As `get`, but a redirect is an error: what is sent is for nobody else.
   * @throws UpdateError as `get`
   */
  post(url: string, o: PostOptions): Promise<HttpResponse>;
  /** Ends every connection and request. */
  close(): Promise<void>;
}

/** From a host name to its IP addresses. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

// Release pages of code hosts need two or three.
const DEFAULT_MAX_REDIRECTS = 5;
// More than any command talks to; only a daemon whose mirrors change their addresses gets here.
const MAX_POOLS = 32;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * A client for one command or daemon. The HTTP library is loaded at the first request.
 * @param resolve for tests; the system's resolver by default
 */
export function createHttpClient(policy: NetworkPolicy, resolve: Resolve = systemResolve): HttpClient {
  const closing = new AbortController();
  const pools = new Map<string, Pool>();
  let authorities: Promise<Authorities> | undefined;

  /** One pool for each server at one set of addresses: a connection is never used for a request judged otherwise. */
  async function poolFor(route: Route): Promise<Pool> {
    const { Pool } = await loadUndici();
    const ca = await (authorities ??= loadAuthorities(policy.caFile));
    const key = [route.target.origin, route.proxy?.href ?? "", ...[...route.addresses].sort()].join(" ");
    const known = pools.get(key);
    const pool = known ?? new Pool(originOf(route), {
      connect: (_, callback) => {
        connect(route, { ca, timeoutMs: policy.connectTimeoutMs, signal: closing.signal })
          .then((socket) => callback(null, socket), (e) => callback(e, null));
      },
      headersTimeout: 0, // ours are exact, and the same for every runtime
      bodyTimeout: 0,
    });
    pools.delete(key); // to the end: the first of the map is the one not used for longest
    pools.set(key, pool);
    for (const [oldest, old] of pools) {
      if (pools.size <= MAX_POOLS) break;
      pools.delete(oldest);
      old.close().catch(() => {}); // ends when its requests have
    }
    return pool;
  }

  async function addressesOf(url: URL, signal: AbortSignal): Promise<readonly string[]> {
    const host = hostOf(url);
    if (classifyAddress(host) !== undefined) return [host];
    const ms = policy.connectTimeoutMs;
    return await within(ms, () => timedOut(url.host, "no answer from the name server", ms), signal, resolve(host))
      .catch((e) => Promise.reject(unreachable(url.host, e)));
  }

  async function routeTo(target: URL, floor: AddressScope | undefined, signal: AbortSignal) {
    const proxy = proxyFor(target, policy.env);
    if (proxy !== undefined) {
      // The proxy resolves names; an address that is written out is still judged. What a name behind the proxy counts
      // as nobody here knows: the most public, which allows the least to its redirects.
      const literal = classifyAddress(hostOf(target)) === undefined ? [] : [hostOf(target)];
      const scope = literal.length === 0 ? "public" : allowedAddresses(target, literal, floor, policy).scope;
      return { route: { target, proxy, addresses: await addressesOf(proxy, signal) }, scope };
    }
    const { addresses, scope } = allowedAddresses(target, await addressesOf(target, signal), floor, policy);
    return { route: { target, proxy, addresses }, scope };
  }

  async function send(
    route: Route,
    first: URL,
    { headers, body, signal }: Opts & Pick<GetOptions & Partial<PostOptions>, "headers" | "body">,
  ): Promise<Answer> {
    const { target, proxy } = route;
    // Plain http through a proxy is asked of the proxy, by the whole URL (RFC 9112, section 3.2.2).
    const direct = proxy === undefined || target.protocol === "https:";
    const path = direct ? target.pathname + target.search : `${target.origin}${target.pathname}${target.search}`;
    const credentials = direct ? undefined : basicCredentials(proxy);
    const authorization = target.origin === first.origin ? basicCredentials(first) : undefined;
    return await exchange(await poolFor(route), {
      origin: originOf(route),
      path,
      host: target.host,
      body,
      signal: AbortSignal.any([signal, closing.signal]),
      headers: {
        "user-agent": "dchat-update",
        accept: "*/*",
        "accept-encoding": "identity", // lengths and digests are those of the bytes as they are
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
        host: target.host,
        ...(credentials === undefined ? {} : { "proxy-authorization": credentials }),
      },
    }, policy);
  }

  async function get(text: string, o: GetOptions): Promise<HttpResponse> {
    const first = parseRequestUrl(text, policy);
    const signal = AbortSignal.any([o.signal, closing.signal]);
    const maxRedirects = o.maxRedirects ?? DEFAULT_MAX_REDIRECTS;
    let target = first;
    let floor = o.floor;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const { route, scope } = await routeTo(target, floor, signal);
      floor ??= scope;
      const answer = await send(route, first, o);
      if (!REDIRECTS.has(answer.status)) return { ...identity(answer, target), url: publicUrl(target) };
      answer.discard();
      target = parseRedirect(answer.headers.location, target, policy);
    }
    throw new UpdateError("E_HTTP_STATUS", `${first.host}: more than ${maxRedirects} redirects`);
  }

  async function post(text: string, o: PostOptions): Promise<HttpResponse> {
    const target = parseRequestUrl(text, policy);
    const { route } = await routeTo(target, o.floor, AbortSignal.any([o.signal, closing.signal]));
    const answer = await send(route, target, o);
    if (!REDIRECTS.has(answer.status)) return { ...identity(answer, target), url: publicUrl(target) };
    answer.discard();
    throw new UpdateError("E_HTTP_STATUS", `${target.host} redirects, which is not followed with a question`);
  }

  return {
    get,
    post,
    async close() {
      closing.abort(new UpdateError("E_INTERRUPTED", "the network client was closed"));
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

/** The server the connection speaks HTTP with: the proxy for plain http behind one, the target otherwise. */
function originOf(route: Route): string {
  return (route.proxy !== undefined && route.target.protocol === "http:" ? route.proxy : route.target).origin;
}

function identity(answer: Answer, target: URL): Answer {
  const encoding = answer.headers["content-encoding"] ?? "";
  if (encoding === "" || encoding.toLowerCase() === "identity") return answer;
  answer.discard();
  throw new UpdateError(
    "E_HTTP_STATUS",
    `${target.host} answered with an encoded body (${JSON.stringify(encoding.slice(0, 40))}), which was not asked for`,
  );
}

async function systemResolve(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map((a) => a.address);
}

/** A promise with an end: rejects after `ms`, or with the signal's reason. What it waited for may go on unheard. */
function within<T>(ms: number, error: () => UpdateError, signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => done(() => reject(signal.reason));
    const timer = setTimeout(() => done(() => reject(error())), ms);
    const done = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    work.then((value) => done(() => resolve(value)), (e) => done(() => reject(e)));
  });
}
