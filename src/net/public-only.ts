// A client for addresses that the operator did not name himself. Design: "Any address not signed for" of
// docs/formats.md, and mirrors.json there: whom the release keys name may not lead into the node's own network either.
// Must not: judge; the client does, at every hop.
import { UpdateError } from "../errors.ts";
import { classifyAddress } from "./address.ts";
import { allowedAddresses, type HopRules, parseRequestUrl } from "./hop.ts";
import type { HttpClient } from "./http-client.ts";
import { hostOf, isLoopbackHost } from "./proxy-env.ts";

/** The same client; whatever is asked of it must be at a public address from the first hop on, unless its policy allows more. */
export function publicOnly(client: HttpClient): HttpClient {
  return {
    ...client,
    get: (url, o) => client.get(url, { ...o, floor: "public" }),
    post: (url, o) => client.post(url, { ...o, floor: "public" }),
  };
}

/**
 * Why such a URL would be refused, as far as its text tells: plain http, or a private address written out; undefined
 * when that takes a look at the name server.
 */
export function refusedByText(text: string, rules: HopRules): UpdateError | undefined {
  try {
    const url = parseRequestUrl(text, rules);
    const host = hostOf(url);
    const literal = isLoopbackHost(host) ? ["127.0.0.1"] : classifyAddress(host) === undefined ? [] : [host];
    if (literal.length > 0) allowedAddresses(url, literal, "public", rules);
    return undefined;
  } catch (e) {
    if (e instanceof UpdateError) return e;
    throw e;
  }
}
