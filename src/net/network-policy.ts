// How far the network is trusted and how long it is waited for. Design: "Options of every command"
// of docs/cli.md. Must not: do anything.

export interface NetworkPolicy {
  /** PEM file of certificate authorities that are trusted besides the system's. */
  readonly caFile?: string;
  /** Plain http to anywhere, also by redirect. */
  readonly allowInsecure: boolean;
  /** Plain http into private networks, beside loopback. */
  readonly allowInsecurePrivate?: boolean;
  /** Redirects into networks more private than the mirror's own. */
  readonly allowPrivate: boolean;
  /** Each of: resolving the name; connecting, with the proxy's answer and the TLS handshake. */
  readonly connectTimeoutMs: number;
  /** From the request to the last header of the answer. */
  readonly firstByteTimeoutMs: number;
  /** Between two chunks of the body. */
  readonly silenceTimeoutMs: number;
  /** The least rate, averaged over `rateWindowMs` of waiting for the network (time the receiver takes does not count). */
  readonly minBytesPerSecond: number;
  readonly rateWindowMs: number;
  /** Where proxies are named: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, also in lower case. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The defaults; the caller adds the environment and what the command line says. */
export const DEFAULT_NETWORK_POLICY: NetworkPolicy = {
  allowInsecure: false,
  allowPrivate: false,
  // A TCP connection that needs three retransmissions of its first packet takes 7 s; more is not worth another mirror.
  connectTimeoutMs: 10_000,
  firstByteTimeoutMs: 15_000,
  silenceTimeoutMs: 15_000,
  // A modem manages four times as much; at less a 100 MB release takes more than a day.
  minBytesPerSecond: 1024,
  rateWindowMs: 30_000,
  env: {},
};
