// What the daemon says while it runs: a line for each thing that happened, for people or as JSON, on stderr.
// Design: docs/gossip.md. Must not: let a peer fill the log, or write what a peer said as if it were ours.
import type { Artifact } from "../../api.ts";
import { isHomeError, listed, type UpdateError } from "../../errors.ts";
import type { Download } from "../../fetch/download.ts";
import type { MirrorReport } from "../../fetch/mirror-reports.ts";
import type { SourceReport } from "../../fetch/source-report.ts";
import type { GossipEvent } from "../../gossip/gossip-event.ts";
import type { TrustState } from "../../trust/client.ts";
import type { Metrics } from "../../service/metrics.ts";
import { createLogWriter, type LogLine } from "../log-line.ts";
import { counted, formatBytes, type Output } from "../output.ts";

export interface MessageCounts {
  readonly accepted: number;
  readonly ignored: number;
  readonly rejected: number;
}

export interface DaemonLog {
  event(e: GossipEvent): void;
  /** Something newer is trusted now. @param versions releases that were not known before */
  growth(state: TrustState, versions: readonly string[]): void;
  /** So many votes of governors are known that were not. */
  votes(count: number): void;
  /** The mirrors were asked: what came of each, however it ended. */
  asked(reports: readonly MirrorReport[]): void;
  /** They brought the metadata up to date. */
  checked(): void;
  /** Another source gives something of an artifact. @param sources all that do, by their ids */
  downloading(artifact: Artifact, sources: readonly string[]): void;
  /** Sources were asked for an artifact: what each gave, however it ended. */
  given(reports: readonly SourceReport[]): void;
  /** An artifact is proven and in the cache. @param ms what that took */
  downloaded(artifact: Artifact, got: Download, ms: number): void;
  /** An approved version is ready for its height; null for what the network began with. @param height the chain's */
  staged(artifact: Artifact, activationHeight: number | null, height: number | null): void;
  /** How many approved versions are not ready on this node. */
  unready(versions: number): void;
  /** Approved, not ready, and nobody wants it done by itself. @param versions with their heights, in words */
  upcoming(versions: string): void;
  /** Something that is tried again later. The same again is told when a while has passed, or something succeeded. */
  failure(what: Attempt, error: UpdateError): void;
  note(text: string): void;
  /** What is wrong with a mirror, say. The same again as with a failure. */
  trouble(text: string): void;
  /** Of what peers cause, and those they name. */
  noteOfPeer(text: string): void;
  warn(text: string): void;
  /** Messages of peers so far. */
  counts(): MessageCounts;
}

/** What the daemon tries again and again. */
export type Attempt = "check" | "download" | "gossip" | "metrics" | "report" | "staging" | "state" | "store";

const FAILED: Readonly<Record<Attempt, string>> = {
  check: "no mirror could bring anything newer",
  download: "a download will be tried again",
  gossip: "there is no gossip; it will be tried again",
  metrics: "there are no /metrics and no /healthz",
  report: "what this node is doing could not be written down",
  staging: "what is approved will be tried again",
  state: "what this home has could not be read",
  store: "what is newer could not be stored",
};

/** Lines about peers in a minute; more are counted and told in one. */
const MAX_PEER_LINES = 60;
const MINUTE_MS = 60_000;
/** What is tried again and again says the same again and again: ten mirrors that are away, sixty thousand lines a day. */
const SAME_AGAIN_MS = 10 * MINUTE_MS;
/** Of more at once all are told. */
const MAX_TOLD = 256;

/** Writes, and counts for whoever watches. */
export function createDaemonLog(out: Output, metrics: Metrics, now: () => Date = () => new Date()): DaemonLog {
  const counts = { accepted: 0, ignored: 0, rejected: 0 };
  let minute = 0, lines = 0, unsaid = 0;
  const told = new Map<string, number>(); // when, by text

  const write = createLogWriter(out, now);

  /** Leaves out what was told just before, unless something has come to a good end since. */
  function writeTrouble(line: LogLine): void {
    const nowMs = now().getTime(), toldAtMs = told.get(line.text);
    const isAgain = toldAtMs !== undefined && Math.abs(nowMs - toldAtMs) < SAME_AGAIN_MS; // a clock may be set back
    if (isAgain && !out.verbose) return;
    if (told.size >= MAX_TOLD) told.clear();
    told.set(line.text, nowMs);
    write(line);
  }

  function writeGood(line: LogLine): void {
    told.clear();
    write(line);
  }

  /** What peers cause is bounded: their number is not. */
  function writeOfPeers(line: LogLine): void {
    const thisMinute = Math.floor(now().getTime() / MINUTE_MS);
    if (thisMinute !== minute) {
      if (unsaid > 0) write({ event: "unsaid", text: `${unsaid} more lines about peers`, fields: { lines: unsaid } });
      [minute, lines, unsaid] = [thisMinute, 0, 0];
    }
    if (line.isDetail === true && !out.verbose) return;
    if (lines++ < MAX_PEER_LINES) write(line);
    else unsaid++;
  }

  function count(e: GossipEvent): void {
    if (e.type === "message") {
      counts[COUNTED[e.verdict]]++;
      metrics.add("announcements_total", 1, COUNTED[e.verdict]);
    }
    if (e.type === "announced") metrics.add("announced_total", 1, undefined);
    if (e.type === "learnt") metrics.add("verifications_total", 1, "ok");
    if (e.type === "lie") {
      metrics.add("lies_total", 1, undefined);
      metrics.add("verifications_total", 1, "failed");
    }
    if (e.type === "peer") metrics.set("peers", e.peers, undefined);
  }

  /** Where the lie was told, once: others may have told the truth, and then nothing failed. */
  function countLiars(liars: number): void {
    metrics.add("refused_sources_total", liars, undefined);
    metrics.add("verifications_total", liars, "failed");
  }

  return {
    note: (text) => write({ event: "note", text }),
    trouble: (text) => writeTrouble({ event: "note", text }),
    noteOfPeer: (text) => writeOfPeers({ event: "note", text }),
    warn: (text) => write({ event: "warning", text, isWarning: true }),
    counts: () => ({ ...counts }),
    growth({ root, timestamp }, versions) {
      const rootVersion = root.signed.version, timestampVersion = timestamp?.signed.version ?? null;
      metrics.add("versions_discovered_total", versions.length, undefined);
      metrics.set("root_version", rootVersion, undefined);
      metrics.set("timestamp_version", timestampVersion ?? 0, undefined);
      const news = versions.length > 0 ? `: ${versions.join(", ")}` : "";
      write({
        event: "learnt",
        text: `newer metadata is proven and stored (root ${rootVersion}, timestamp ${
          timestampVersion ?? "none"
        })${news}`,
        fields: { rootVersion, timestampVersion, versions },
      });
    },
    votes(count) {
      metrics.add("votes_learnt_total", count, undefined);
      write({ event: "votes", text: `${count} new votes of governors are stored`, fields: { votes: count } });
    },
    asked: (reports) => countLiars(reports.filter(({ status }) => status === "refused").length),
    checked() {
      told.clear();
      metrics.add("checks_total", 1, "ok");
      metrics.add("verifications_total", 1, "ok");
    },
    downloading({ name, version }, sources) {
      // Peers decide how many they are.
      writeOfPeers({
        event: "downloading",
        text: `${name} is coming from ${listed(sources, ", ")}`,
        fields: { version, name, sources },
      });
    },
    given(reports) {
      metrics.add("received_bytes_total", reports.reduce((sum, { bytes }) => sum + bytes, 0), undefined);
      countLiars(reports.filter(({ lies }) => lies > 0).length);
    },
    downloaded({ name, version }, { source, sources, bytesFetched }, ms) {
      const kind = source.startsWith("peer:") ? "peer" : source.startsWith("http") ? "https" : "other";
      metrics.add("downloads_total", 1, kind);
      metrics.add("download_seconds_total", ms / 1000, undefined);
      metrics.add("verifications_total", 1, "ok");
      writeGood({
        event: "downloaded",
        text: `${name} is downloaded and proven (${formatBytes(bytesFetched)}, most of it from ${source})`,
        fields: {
          version,
          name,
          source,
          sources: sources.filter(({ pieces }) => pieces > 0).map(({ id }) => id),
          fetchedBytes: bytesFetched,
        },
      });
    },
    staged({ name, version }, activationHeight, height) {
      metrics.add("staged_total", 1, undefined);
      const left = height === null || activationHeight === null ? null : Math.max(0, activationHeight - height);
      const when = activationHeight === null ? "" : ` for block ${activationHeight}`;
      writeGood({
        event: "staged",
        text: `${name} is ready to run${when}${left === null ? "" : `, ${left} blocks from now`}`,
        fields: { version, name, activationHeight, blocksLeft: left },
      });
    },
    unready: (versions) => metrics.set("unready_upgrades", versions, undefined),
    upcoming(versions) {
      write({
        event: "upcoming",
        text: `approved, and not installed here: ${versions}. Auto-update or background download is off: type ` +
          "dchat-update install --upcoming",
        isWarning: true,
      });
    },
    failure(what, e) {
      if (what === "check") metrics.add("checks_total", 1, "failed");
      if (what === "download") metrics.add("download_failures_total", 1, undefined);
      if (what === "staging") metrics.add("staging_failures_total", 1, undefined);
      // No mirror can help a home that takes nothing.
      const text = `${FAILED[what === "check" && isHomeError(e) ? "store" : what]}: ${e.message}`;
      writeTrouble({ event: "failure", text, fields: { code: e.code }, isWarning: true });
    },
    event(e) {
      count(e);
      const line = describe(e);
      if (e.type === "listening" || e.type === "not-listening") write(line);
      else writeOfPeers(line);
    },
  };
}

const COUNTED = { accept: "accepted", ignore: "ignored", reject: "rejected" } as const;

function describe(e: GossipEvent): LogLine {
  switch (e.type) {
    case "listening":
      return { event: e.type, text: `listening on ${e.addresses.join(", ")}`, fields: { addresses: e.addresses } };
    case "not-listening":
      return {
        event: e.type,
        text: `not listening on ${e.address}: ${e.error.message}`,
        fields: { address: e.address, code: e.error.code },
        isWarning: true,
      };
    case "peer": {
      const event = e.connected ? "connected" : "disconnected";
      return {
        event,
        text: `${event}: ${e.peer} (${counted(e.peers, "peer")})`,
        fields: { peer: e.peer, peers: e.peers },
      };
    }
    case "message": {
      const fields = { peer: e.peer, verdict: COUNTED[e.verdict], code: e.verdict === "accept" ? null : e.why.code };
      if (e.verdict === "accept") return { event: e.type, text: `a ${e.kind} was announced by ${e.peer}`, fields };
      const text = `a message of ${e.peer} was ${fields.verdict}: ${e.why.message}`;
      return { event: e.type, text, fields, isDetail: e.verdict === "ignore" };
    }
    case "learnt":
      return { event: "fetched", text: `a newer bundle came from ${e.peer}`, fields: { peer: e.peer } };
    case "announced":
      return { event: e.type, text: `announced to ${counted(e.peers, "peer")}`, fields: { peers: e.peers } };
    case "not-announced":
      return {
        event: e.type,
        text: `could not be announced yet: ${e.error.message}`,
        fields: { code: e.error.code },
        isWarning: true,
      };
    case "lie":
      return {
        event: e.type,
        text: `${e.peer} sent what no honest node sends: ${e.error.message}`,
        fields: { peer: e.peer, code: e.error.code },
        isWarning: true,
      };
    case "shut-out":
      return { event: e.type, text: `${e.peer} is shut out for an hour`, fields: { peer: e.peer }, isWarning: true };
    case "no-answer":
      return {
        event: e.type,
        text: `${e.peer} gave no bundle: ${e.error.message}`,
        fields: { peer: e.peer, code: e.error.code },
        isDetail: true,
      };
    case "unreachable":
      return {
        event: e.type,
        text: `${e.address} cannot be reached, and is tried again: ${e.error.message}`,
        fields: { address: e.address, code: e.error.code },
      };
  }
}
