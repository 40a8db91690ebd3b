// Which proxy a request takes, from the environment variables every tool honours. Design: docs/cli.md. Pure.
// The proxy resolves the names it is given: addresses behind it are its business, not checked here.
// Must not: read the environment itself.

import { UpdateError } from "../errors.ts";
import { classifyAddress, isWithin, parseAddress } from "./address.ts";

/** All that is read here; of each pair the first counts. */
export const PROXY_VARIABLES = [
  "https_proxy",
  "HTTPS_PROXY",
  "http_proxy",
  "HTTP_PROXY",
  "no_proxy",
  "NO_PROXY",
] as const;

/**
 * The proxy for a URL, or undefined for a direct connection. Loopback is never proxied.
 * @throws UpdateError E_USAGE when the variable does not hold an http or https URL
 */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = env[name.toLowerCase()] || env[name];
  if (!value || isLoopbackHost(hostOf(url)) || isExempt(url, env.no_proxy || env.NO_PROXY || "")) return undefined;
  const text = value.includes("://") ? value : `http://${value}`; // "proxy.example:3128" is common
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy?.protocol !== "http:" && proxy?.protocol !== "https:") {
    throw new UpdateError("E_USAGE", `${name} does not name an http or https proxy`, {
      hint: `set it to something like http://proxy.example:3128, or unset it`,
    });
  }
  return proxy;
}

/** The host of a URL without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** True for the names and addresses that can only mean this machine (RFC 6761 for the names). */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || classifyAddress(host) === "loopback";
}

/** NO_PROXY: `*`, names with everything below them, addresses, blocks such as 10.0.0.0/8; each with an optional port. */
function isExempt(url: URL, list: string): boolean {
  return list.split(/[\s,]+/).filter((entry) => entry !== "").some((entry) => matches(url, entry.toLowerCase()));
}

function matches(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const host = hostOf(url);
  const block = /^(.+)\/(\d{1,3})$/.exec(entry);
  const address = parseAddress(host);
  if (block !== null) return address !== undefined && isWithin(address, block[1] ?? "", Number(block[2]));
  const { wanted, port } = splitPort(entry);
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  const wantedAddress = parseAddress(wanted);
  if (wantedAddress !== undefined) return address !== undefined && isWithin(address, wanted, wantedAddress.length * 8);
  const domain = wanted.replace(/^\*?\./, "");
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
}

/** `host`, `host:port`, `[v6]:port`, or a bare IPv6 address, which has several colons. */
function splitPort(entry: string): { wanted: string; port: string | undefined } {
  const [, wanted, port] = /^\[(.+)\](?::(\d+))?$/.exec(entry) ?? /^([^:]+):(\d+)$/.exec(entry) ?? [];
  return { wanted: wanted ?? entry, port };
}
