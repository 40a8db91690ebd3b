// gossip/node.json: what the long-running node of a home is doing, for commands that run beside it. docs/formats.md.
// Written by that node alone, whole or not at all; it says who wrote it, so that what a dead one left is told apart.
// Must not: hold anything that is trusted, or a secret.
import { mkdir, rm, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "../disk/atomic-file.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "../disk/process-identity.ts";
import { systemCode, UpdateError } from "../errors.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import { readFileIfThere } from "./home-file.ts";
import type { Home } from "./home.ts";

export interface ConnectedPeer {
  readonly id: string;
  /** Where it is, without its id. */
  readonly address: string;
  /** True when this node made the connection. */
  readonly isOutbound: boolean;
}

export interface ServedArtifact {
  readonly name: string;
  readonly version: string;
  readonly pieces: number;
  readonly totalPieces: number;
}

export interface NodeReport {
  readonly startedMs: number;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly peers: readonly ConnectedPeer[];
  readonly served: readonly ServedArtifact[];
  /** Of pieces, since it started. */
  readonly givenBytes: number;
}

/** "running": it is alive and writes. "silent": alive, but it has not written for a minute. "none": no such process. */
export type NodeSight =
  | { readonly status: "none" }
  | { readonly status: "running" | "silent"; readonly report: NodeReport; readonly pid: number };

const REPORT_FORMAT = "dchat-node-1";
/** As many peers as can be connected, and as many files as are listed, with long names come to some 60 KB. */
const MAX_REPORT_BYTES = 256 * 1024;
/** Of peers, addresses and files each: more than a node may be connected to. */
export const MAX_REPORTED = 128;
/** Twelve times as long as the node waits between two signs of life. */
const SILENT_MS = 60_000;

export interface ReportWriter {
  /** Writes what has changed; else a sign of life. @throws UpdateError E_IO, E_DISK_FULL; the old file then stands */
  write(report: NodeReport): Promise<void>;
  /** There is no node any more. */
  remove(): Promise<void>;
}

export function createReportWriter({ nodeReportFile: file }: Pick<Home, "nodeReportFile">): ReportWriter {
  let written = "";
  return {
    async write(report) {
      const text = `${JSON.stringify({ format: REPORT_FORMAT, process: ownIdentity(), ...reportJson(report) })}\n`;
      const now = new Date();
      if (text === written && await utimes(file, now, now).then(() => true, () => false)) return;
      await mkdir(dirname(file), { recursive: true });
      await writeFileAtomic(file, new TextEncoder().encode(text), { mode: 0o600 });
      written = text;
    },
    remove: () => rm(file, { force: true }),
  };
}

function reportJson(r: NodeReport): Record<string, unknown> {
  return {
    started: new Date(r.startedMs).toISOString(),
    peerId: r.peerId,
    addresses: r.addresses.slice(0, MAX_REPORTED),
    peers: r.peers.slice(0, MAX_REPORTED),
    served: r.served.slice(0, MAX_REPORTED),
    givenBytes: r.givenBytes,
  };
}

/** Looks whether a node is at work on this home. A file that does not read says nothing. Never throws. */
export async function readNodeReport({ nodeReportFile: file }: Pick<Home, "nodeReportFile">): Promise<NodeSight> {
  try {
    const bytes = await readFileIfThere(file, MAX_REPORT_BYTES);
    if (bytes === undefined) return { status: "none" };
    const ageMs = Math.abs(Date.now() - (await stat(file)).mtimeMs);
    const { owner, report } = parseReport(bytes);
    const alive = isAlive(owner, ownIdentity());
    if (alive === false || (alive === "unknown" && ageMs > SILENT_MS)) return { status: "none" };
    return { status: ageMs > SILENT_MS ? "silent" : "running", report, pid: owner.pid };
  } catch (e) {
    if (e instanceof UpdateError || systemCode(e) !== undefined) return { status: "none" };
    throw e;
  }
}

function parseReport(bytes: Uint8Array): { owner: ProcessIdentity; report: NodeReport } {
  const what = "gossip/node.json";
  const f = new Field(parseJsonObject(bytes, what), what);
  f.get("format").oneOf([REPORT_FORMAT]);
  const p = f.get("process");
  const orNull = (x: Field) => x.value === null ? null : x.line(128);
  return {
    owner: {
      pid: p.get("pid").integer(1),
      startTime: orNull(p.get("startTime")),
      bootId: orNull(p.get("bootId")),
      pidNamespace: orNull(p.get("pidNamespace")),
    },
    report: {
      startedMs: Date.parse(f.get("started").rfc3339()),
      peerId: f.get("peerId").line(128),
      addresses: f.get("addresses").array().map((a) => a.line(400)),
      peers: f.get("peers").array().map((x) => ({
        id: x.get("id").line(128),
        address: x.get("address").line(400),
        isOutbound: x.get("isOutbound").boolean(),
      })),
      served: f.get("served").array().map((x) => ({
        name: x.get("name").line(256),
        version: x.get("version").line(64),
        pieces: x.get("pieces").integer(0),
        totalPieces: x.get("totalPieces").integer(1),
      })),
      givenBytes: f.get("givenBytes").integer(0),
    },
  };
}
