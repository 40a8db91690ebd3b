// What check and list-versions ask: all mirrors and, beside them, peers of the network, both within a bounded time.
// Design: docs/gossip.md, "What a command asks". A silent network is no error when mirrors answered, nor the other way.
// Must not: load the peer-to-peer library unless there is somebody to ask, or ask beside a running node of this home.
import { readNodeReport } from "../config/node-report.ts";
import { AllSourcesFailedError, asUpdateError, type ErrorCode, UpdateError } from "../errors.ts";
import { askPeers } from "../gossip/ask-peers.ts";
import type { MirrorReport } from "../fetch/mirror-reports.ts";
import type { HttpClient } from "../net/http-client.ts";
import { isComplete, type TrustState } from "../trust/client.ts";
import { alert } from "./alert.ts";
import type { Arguments, OptionSpec } from "./command.ts";
import type { Context } from "./context.ts";
import { PEER_OPTIONS, type PeersToAsk, peersToAsk } from "./known-peers.ts";
import { counted } from "./output.ts";
import { noteSight } from "./schedule-sight.ts";
import { refresh, type Refreshed, type Session } from "./session.ts";
import { openKnowledge } from "./session-knowledge.ts";

export const GOSSIP_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...PEER_OPTIONS,
  "gossip-timeout": { type: "string", value: "SECONDS", help: "longest wait for peers (5)" },
};

/** A bundle from the other side of the world takes one or two seconds with its handshakes; somebody looks on. */
const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_SECONDS = 300;

/** What became of asking peers. */
export interface NetworkAnswer {
  /** "off": not wanted. "nobody": no peer is known. "daemon": the node of this home is connected, and was not repeated. */
  readonly status: "off" | "nobody" | "asked" | "daemon";
  /** Peers that were asked; with "daemon", those it is connected to. */
  readonly asked: number;
  readonly answered: number;
  /** True when a peer brought what this home did not know. */
  readonly isNewer: boolean;
  readonly error: UpdateError | undefined;
}

export interface Gathered extends Refreshed {
  readonly network: NetworkAnswer;
  /** Who vouches for the newest that is shown; "stored" when nobody could be asked. */
  readonly from: "mirrors" | "peers" | "daemon" | "stored";
}

const UNASKED = { asked: 0, answered: 0, isNewer: false, error: undefined } as const;
/** Nothing was asked, as with --offline. */
export const NOT_ASKED: NetworkAnswer = { status: "off", ...UNASKED };

/**
 * Asks mirrors and the network side by side.
 * @throws UpdateError when neither could say what is newest; the gravest code of both
 */
export async function gather(c: Context, a: Arguments, s: Session, client: HttpClient): Promise<Gathered> {
  // What is wrong with the command line is told before anybody is asked, whether there are peers to ask or not.
  const timeoutMs = a.seconds("gossip-timeout", MAX_TIMEOUT_SECONDS) ?? DEFAULT_TIMEOUT_MS;
  const choice = await choosePeers(c, a, s);
  let mirrors: readonly MirrorReport[] = [];
  const refreshing = refresh(c, s, client, (reports) => mirrors = reports).catch((e) => asUpdateError(e));
  const [refreshed, network] = await Promise.all([refreshing, askNetwork(c, a, s, choice, timeoutMs)]);
  if (refreshed instanceof UpdateError) {
    return { ...await withoutMirrors(c, s, refreshed, network), mirrors, network };
  }
  if (!network.isNewer) return { ...refreshed, network, from: "mirrors" };
  const state = await noteSight(c, s, await stored(s));
  const isBehind = refreshed.state.timestamp?.signed.version !== state.timestamp?.signed.version;
  return { ...refreshed, state, network, from: isBehind ? "peers" : "mirrors" };
}

/** Mirrors failed: what peers answered, or the node of this home keeps up to date, is as good. */
async function withoutMirrors(
  c: Context,
  s: Session,
  error: UpdateError,
  network: NetworkAnswer,
): Promise<Pick<Gathered, "state" | "from">> {
  const isOthersFault = error.retry === "elsewhere" || error.code === "E_NO_SOURCE";
  if (!isOthersFault) throw error;
  const state = await stored(s);
  if (network.answered === 0 || !isFresh(state, c.nowMs)) throw bothFailed(error, network);
  if (error.code !== "E_NO_SOURCE") c.out.warn(`mirrors: ${error.message}`);
  const from = network.status === "daemon" ? "daemon" : "peers";
  return { state: await noteSight(c, s, state), from };
}

function bothFailed(error: UpdateError, network: NetworkAnswer): UpdateError {
  if (network.error === undefined) return error;
  if (error.code === "E_NO_SOURCE") return network.error;
  return new AllSourcesFailedError("neither mirrors nor peers could say what is newest", [
    { source: "mirrors", error },
    { source: "peers", error: network.error },
  ]);
}

async function stored({ store, state }: Session): Promise<TrustState> {
  return await store.load() ?? state;
}

/** Peers that have nothing newer confirm what is known, unless it has expired: then nobody has said what is newest. */
function isFresh(state: TrustState, nowMs: number): boolean {
  return isComplete(state) && (state.timestamp?.signed.expiresMs ?? 0) > nowMs;
}

async function choosePeers(c: Context, a: Arguments, s: Session): Promise<PeersToAsk | NetworkAnswer> {
  const peers = await peersToAsk(c, a, s);
  if (a.flag("no-gossip")) return NOT_ASKED;
  if (a.strings("peer").length === 0) {
    // What it learns is stored at once: this home knows what it knows.
    const node = await readNodeReport(s.home);
    const count = node.status === "running" ? node.report.peers.length : 0;
    if (count > 0) return { status: "daemon", ...UNASKED, asked: count, answered: count };
  }
  return peers.addresses.length === 0 ? { status: "nobody", ...UNASKED } : peers;
}

/** Never fails but for our own disk: silence is an answer too. */
async function askNetwork(
  c: Context,
  a: Arguments,
  s: Session,
  choice: PeersToAsk | NetworkAnswer,
  timeoutMs: number,
): Promise<NetworkAnswer> {
  if ("status" in choice) return choice;
  const knowledge = openKnowledge(s, { now: () => c.nowMs, onGrowth: () => {} });
  const answers = await askPeers({
    ...choice,
    knowledge,
    allowPrivate: a.flag("allow-private"),
    timeoutMs,
    signal: c.signal,
  });
  for (const { address, error, isLie } of answers) {
    if (error === undefined) continue;
    c.out.note(`${c.out.line("warning", address)}: ${error.message}`);
    if (isLie) await alert(c, s.home, `peer:${address}`, "a bundle", error);
  }
  const answered = answers.filter((x) => x.answer !== undefined).length;
  const failed = answers.flatMap(({ address, error }) => error === undefined ? [] : [{ source: address, error }]);
  const error = answered > 0 ? undefined : new AllSourcesFailedError("no peer answered", failed);
  const isNewer = answers.some((x) => x.answer === "newer");
  return { status: "asked", asked: answers.length, answered, isNewer, error };
}

/** Who was asked, and who vouches for what is shown; nothing where there were mirrors alone. */
export function gatheredLines({ mirrors, network, from }: Gathered): string[] {
  if (network.status === "off" || network.status === "nobody") return [];
  const answered = mirrors.filter((m) => m.status === "ok" || m.status === "stale").length;
  const asked = [`asked ${counted(mirrors.length, "mirror")}${mirrors.length > 0 ? ` (${answered} answered)` : ""}`];
  if (network.status === "asked") asked.push(`${counted(network.asked, "peer")} (${network.answered} answered)`);
  if (network.status === "daemon") asked.push(`the node of this home, which has ${counted(network.asked, "peer")}`);
  return [`  ${asked.join(" and ")}: ${FROM[from]}`];
}

const FROM: Readonly<Record<Gathered["from"], string>> = {
  mirrors: "the newest is from mirrors",
  peers: "the newest is from peers",
  daemon: "the newest is what that node knows",
  stored: "this is what was known",
};

/** Under the names the schemas have. */
export function gatheredJson({ network: { status, asked, answered, isNewer, error }, from }: Gathered) {
  const code: ErrorCode | null = error?.code ?? null;
  return { knowledgeFrom: from, gossip: { status, peersAsked: asked, peersAnswered: answered, newer: isNewer, code } };
}
