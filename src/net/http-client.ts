// The one way to the network: GET with redirects followed by hand, every hop judged before it is connected to; POST for
// programs that answer questions, such as a chain's RPC.
// Design: "sources, redirects, proxies, time-outs" of docs/architecture.md; "resolved once" of docs/formats.md.
// Must not: decide what an answer is worth, keep anything between requests but idle connections and names.

import { createAbortScope } from "../abortable.ts";
import type { Opts, RoomAt } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { AddressScope } from "./address.ts";
import { loadAuthorities } from "./authorities.ts";
import type { Authorities } from "./connect.ts";
import { createConnections } from "./connections.ts";
import { basicCredentials, publicUrl } from "./credentials.ts";
import { createDeadlines } from "./deadlines.ts";
import { type Answer, exchange } from "./exchange.ts";
import { parseRedirect, parseRequestUrl } from "./hop.ts";
import type { NetworkPolicy } from "./network-policy.ts";
import { createRoutes, type JudgedRoute, type Resolve } from "./routes.ts";

export type { Resolve };

export interface GetOptions extends Opts {
  readonly headers?: Readonly<Record<string, string>>;
  /** 5 by default. */
  readonly maxRedirects?: number;
  /** No hop may be more private than this, the first one included; by default than the first one. */
  readonly floor?: AddressScope;
  /** Of earlier requests for the same URL, from `createTrail`. */
  readonly trail?: Trail;
  /** The reader is done with a chunk of the body when it asks for the next one: less memory, more speed. */
  readonly reusesChunks?: boolean;
  /** Where the bytes of the body belong, if it is one of a 200 or 206. */
  readonly roomAt?: RoomAt | undefined;
}

export interface PostOptions extends Opts {
  readonly headers?: Readonly<Record<string, string>>;
  /** A question, kept small by the caller; it may reach the server twice. */
  readonly body: Uint8Array;
  /** The place may not be more private than this. */
  readonly floor?: AddressScope;
}

/** An answer to the last hop. Its body must be read or discarded, or its connection stays open. */
export interface HttpResponse extends Answer {
  /** Where it came from in the end, without credentials or query. */
  readonly url: string;
}

/**
 * Where the redirects of one URL led, so that the next request for it goes there at once. Judged as if it had been
 * redirected again; given up when the place answers with an error, because such places are often made for minutes.
 */
export interface Trail {
  end: { readonly target: URL; readonly floor: AddressScope } | undefined;
}

export function createTrail(): Trail {
  return { end: undefined };
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

/** Of either kind of request. */
type SendOptions = Opts & Pick<Partial<GetOptions & PostOptions>, "headers" | "body" | "reusesChunks" | "roomAt">;

// Release pages of code hosts need two or three.
const DEFAULT_MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * A client for one command or daemon. How many requests run at a time is the caller's to bound.
 * @param resolve for tests; the system's resolver by default
 */
export function createHttpClient(policy: NetworkPolicy, resolve?: Resolve): HttpClient {
  const closing = createAbortScope();
  const routes = createRoutes(policy, closing, resolve);
  let loaded: Promise<Authorities> | undefined;
  const authorities = () => loaded ??= loadAuthorities(policy.caFile);
  const connections = createConnections({ authorities, timeoutMs: policy.connectTimeoutMs });
  const means = { connections, deadlines: createDeadlines(), limits: policy };

  /** One request, to one place. @param first the URL that was asked for, whose credentials are for its origin alone */
  function send({ route }: JudgedRoute, first: URL, o: SendOptions): Promise<Answer> {
    const { target, proxy } = route;
    // Plain http through a proxy is asked of the proxy, by the whole URL (RFC 9112, section 3.2.2).
    const direct = proxy === undefined || target.protocol === "https:";
    const path = `${target.pathname}${target.search}`;
    const proxyAuthorization = direct ? undefined : basicCredentials(proxy);
    const authorization = target.origin === first.origin ? basicCredentials(first) : undefined;
    return exchange(route, {
      path: direct ? path : `${target.origin}${path}`,
      host: target.host,
      body: o.body,
      signal: o.signal,
      reusesChunks: o.reusesChunks ?? false,
      roomAt: o.roomAt,
      headers: {
        "user-agent": "dchat-update",
        accept: "*/*",
        "accept-encoding": "identity", // lengths and digests are those of the bytes as they are
        ...(authorization === undefined ? {} : { authorization }),
        ...(proxyAuthorization === undefined ? {} : { "proxy-authorization": proxyAuthorization }),
        ...o.headers,
      },
    }, means);
  }

  async function get(text: string, o: GetOptions): Promise<HttpResponse> {
    const first = parseRequestUrl(text, policy);
    closing.signal.throwIfAborted();
    return await followTrail(first, o) ?? await followRedirects(first, o);
  }

  /** The answer of the place where the redirects led before, unless it is none. */
  async function followTrail(first: URL, o: GetOptions): Promise<HttpResponse | undefined> {
    const { trail } = o;
    if (trail?.end === undefined) return undefined;
    const { target, floor } = trail.end;
    trail.end = undefined;
    const answer = await send(await routes.to(target, floor, o.signal), first, o);
    if (REDIRECTS.has(answer.status) || answer.status >= 400) return void answer.discard();
    trail.end = { target, floor };
    return finished(answer, target);
  }

  async function followRedirects(first: URL, o: GetOptions): Promise<HttpResponse> {
    const maxRedirects = o.maxRedirects ?? DEFAULT_MAX_REDIRECTS;
    let target = first;
    let floor = o.floor;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const judged = await routes.to(target, floor, o.signal);
      floor ??= judged.scope;
      const answer = await send(judged, first, o);
      if (!REDIRECTS.has(answer.status)) {
        if (o.trail !== undefined && hop > 0) o.trail.end = { target, floor };
        return finished(answer, target);
      }
      answer.discard();
      target = parseRedirect(answer.headers["location"], target, policy);
    }
    throw new UpdateError("E_HTTP_STATUS", `${first.host}: more than ${maxRedirects} redirects`);
  }

  async function post(text: string, o: PostOptions): Promise<HttpResponse> {
    const target = parseRequestUrl(text, policy);
    closing.signal.throwIfAborted();
    const answer = await send(await routes.to(target, o.floor, o.signal), target, o);
    if (!REDIRECTS.has(answer.status)) return finished(answer, target);
    answer.discard();
    throw new UpdateError("E_HTTP_STATUS", `${target.host} redirects, which is not followed with a question`);
  }

  return {
    get,
    post,
    close() {
      closing.abort(new UpdateError("E_INTERRUPTED", "the network client was closed"));
      connections.destroyAll(closing.signal.reason);
      return Promise.resolve();
    },
  };
}

function finished(answer: Answer, target: URL): HttpResponse {
  const encoding = answer.headers["content-encoding"] ?? "";
  if (encoding !== "" && encoding.toLowerCase() !== "identity") {
    answer.discard();
    const what = JSON.stringify(encoding.slice(0, 40));
    throw new UpdateError(
      "E_HTTP_STATUS",
      `${target.host} answered with an encoded body (${what}), which was not asked for`,
    );
  }
  return { ...answer, url: publicUrl(target) };
}
