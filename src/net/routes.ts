// Which way a request takes: its proxy, and the addresses that its host's name stands for and that may be connected to.
// Design: "resolved once" of docs/formats.md; docs/decisions/0007-redirect-rule.md.
// Must not: connect; let an address through that hop.ts did not judge.

import { lookup } from "node:dns/promises";
import { type AbortScope, within } from "../abortable.ts";
import { type AddressScope, classifyAddress } from "./address.ts";
import type { Route } from "./connect.ts";
import { allowedAddresses } from "./hop.ts";
import { timedOut, unreachable } from "./net-error.ts";
import type { NetworkPolicy } from "./network-policy.ts";
import { hostOf, proxyFor } from "./proxy-env.ts";

/** From a host name to its IP addresses. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** A way to a server, and what it counts as for the redirects that come from there. */
export interface JudgedRoute {
  readonly route: Route;
  readonly scope: AddressScope;
}

export interface Routes {
  /**
   * @param floor scope of the mirror itself; undefined for the mirror's own, first request
   * @throws UpdateError E_UNREACHABLE, E_TIMEOUT, E_FORBIDDEN_ADDRESS, E_USAGE; the signal's reason
   */
  to(target: URL, floor: AddressScope | undefined, signal: AbortSignal): Promise<JudgedRoute>;
}

// A file is fetched by many requests; their answers are judged each time anew. As short as names are commonly kept.
const KEEP_NAMES_MS = 30_000;
// More than any command asks for.
const MAX_NAMES = 64;

/**
 * @param scope ends when nobody needs routes any more
 * @param resolve for tests; the system's resolver by default
 */
export function createRoutes(policy: NetworkPolicy, scope: AbortScope, resolve: Resolve = systemResolve): Routes {
  const names = new Map<string, { readonly addresses: readonly string[]; readonly untilMs: number }>();

  async function addressesOf(url: URL, signal: AbortSignal): Promise<readonly string[]> {
    const host = hostOf(url);
    if (classifyAddress(host) !== undefined) return [host];
    const known = names.get(host);
    if (known !== undefined && performance.now() < known.untilMs) return known.addresses;
    names.delete(host);
    const ms = policy.connectTimeoutMs;
    const late = () => timedOut(url.host, "no answer from the name server", ms);
    const addresses = await scope.during(signal, (signal) => within(ms, late, resolve(host), signal)).catch((e) => {
      throw unreachable(url.host, e);
    });
    names.set(host, { addresses, untilMs: performance.now() + KEEP_NAMES_MS });
    for (const oldest of names.keys()) if (names.size > MAX_NAMES) names.delete(oldest);
    return addresses;
  }

  return {
    async to(target, floor, signal) {
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
    },
  };
}

async function systemResolve(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map((a) => a.address);
}
