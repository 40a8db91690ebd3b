// Where a request may go: the rules for a mirror's own URL and for each redirect. Design: "Options of every
// command" of docs/cli.md; "resolved once, must be public" of docs/formats.md. Pure.
// Must not: resolve names or connect; whoever does connects to the very addresses that were judged here.

import { UpdateError } from "../errors.ts";
import { type AddressScope, classifyAddress, isMorePrivate, mostPublic } from "./address.ts";
import { hostOf, isLoopbackHost } from "./proxy-env.ts";

/** What the rules depend on; part of a `NetworkPolicy`. */
export interface HopRules {
  readonly allowInsecure: boolean;
  readonly allowPrivate: boolean;
  /** Plain http into private networks: for what the operator named himself and runs beside the node, such as its chain. */
  readonly allowInsecurePrivate?: boolean;
}

/**
 * The URL of a first request.
 * @throws UpdateError E_USAGE when it is no http or https URL; E_FORBIDDEN_ADDRESS for plain http beyond this machine
 */
export function parseRequestUrl(text: string, rules: HopRules): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new UpdateError("E_USAGE", `${JSON.stringify(text.slice(0, 200))} is not an http or https URL`);
  }
  checkPlainHttp(url, rules);
  return url;
}

/**
 * The URL a redirect leads to. Credentials in it are dropped: they are not the operator's.
 * @throws UpdateError E_HTTP_STATUS when there is none; E_FORBIDDEN_ADDRESS when it would leave TLS
 */
export function parseRedirect(location: string | undefined, from: URL, rules: HopRules): URL {
  const url = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new UpdateError("E_HTTP_STATUS", `${from.host} redirects to something that is not an http or https URL`);
  }
  url.username = url.password = "";
  if (from.protocol === "https:" && url.protocol === "http:" && !rules.allowInsecure) {
    throw new UpdateError("E_FORBIDDEN_ADDRESS", `${from.host} redirects from https to plain http at ${url.host}`);
  }
  checkPlainHttp(url, rules);
  return url;
}

function checkPlainHttp(url: URL, rules: HopRules): void {
  if (url.protocol === "https:" || rules.allowInsecure || isLoopbackHost(hostOf(url))) return;
  const literal = classifyAddress(hostOf(url));
  // A name is judged by what it resolves to.
  if (rules.allowInsecurePrivate === true && (literal === undefined || mayBePlain(literal, rules))) return;
  throw new UpdateError("E_FORBIDDEN_ADDRESS", `plain http to ${url.host} is not allowed`, {
    hint: "use https, or --allow-insecure if you know why this is safe",
  });
}

function mayBePlain(scope: AddressScope, rules: HopRules): boolean {
  return scope === "loopback" || (rules.allowInsecurePrivate === true && scope === "private");
}

/** The addresses of one hop that may be connected to, and what the hop counts as. */
export interface AllowedAddresses {
  readonly addresses: readonly string[];
  readonly scope: AddressScope;
}

/**
 * Judges the addresses a name was resolved to.
 * @param floor scope of whoever named the URL, the mirror that redirects or the public for a signed list; undefined for
 *   what the operator named
 * @throws UpdateError E_FORBIDDEN_ADDRESS when none may be connected to
 */
export function allowedAddresses(
  url: URL,
  resolved: readonly string[],
  floor: AddressScope | undefined,
  rules: HopRules,
): AllowedAddresses {
  // A name that promises this machine must mean it, or plain http would leave it.
  const isPlain = url.protocol === "http:" && !rules.allowInsecure;
  const scoped = resolved.map((address) => ({ address, scope: classifyAddress(address) ?? "reserved" }))
    .filter(({ scope }) => !isPlain || mayBePlain(scope, rules))
    .filter(({ scope }) => floor === undefined || rules.allowPrivate || !isMorePrivate(scope, floor));
  if (scoped.length === 0) {
    const where = `${url.hostname} (${resolved.slice(0, 3).join(", ")})`;
    throw floor === undefined
      ? new UpdateError("E_FORBIDDEN_ADDRESS", `plain http to ${where} is not allowed`)
      : new UpdateError(
        "E_FORBIDDEN_ADDRESS",
        `a redirect or a signed list leads into a more private network, to ${where}`,
        {
          hint: "use --allow-private if that is meant",
        },
      );
  }
  return { addresses: scoped.map((a) => a.address), scope: mostPublic(scoped.map((a) => a.scope)) };
}
