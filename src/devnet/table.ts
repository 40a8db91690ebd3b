// The table of a devnet: the chain, the upgrade on its way, and a line for each node. Design: docs/devnet.md. Pure.
// Must not: write to a terminal, or keep anything.
import type { NodeView } from "./node-view.ts";

/** The upgrade that everybody looks at. */
export interface PlanView {
  readonly version: string;
  /** Null before it is proposed. */
  readonly activationHeight: number | null;
  /** Weight of the votes so far, and what is needed. */
  readonly votes: { readonly weight: number; readonly required: number } | null;
  readonly state: "released" | "voting" | "approved" | "cancelled";
}

export interface TableView {
  readonly height: number;
  readonly plan: PlanView | null;
  readonly nodes: readonly NodeView[];
}

/** What comes next stands before what a narrow terminal may cut off. */
const HEAD = ["node", "runs", "next", "heard of", "bytes"];
const GAP = "  ";

/** Lines that are no longer than the terminal is wide. */
export function tableLines(view: TableView, columns: number): string[] {
  const rows = [HEAD, ...view.nodes.map((node) => cells(node, view))];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(GAP).trimEnd());
  return [chainLine(view), ...lines].map((line) => cut(line, columns));
}

function chainLine({ height, plan }: TableView): string {
  const block = `block ${height}`;
  if (plan === null) return block;
  const { version, activationHeight, votes, state } = plan;
  const from = activationHeight === null ? "" : ` from block ${activationHeight}`;
  const counted = votes === null ? "" : `, ${votes.weight} of ${votes.required} votes`;
  return `${block} | ${version}${from}: ${state}${counted}`;
}

function cells(node: NodeView, view: TableView): string[] {
  const { heard, refused } = node;
  const from = (who: string) => who === "" ? "" : ` from ${who}`;
  const bytes = [
    ...(node.bytes === null
      ? []
      : [`${node.bytes.version} ${node.bytes.isProven ? "proven" : "coming"}${from(node.bytes.from.join(" and "))}`]),
    ...refused.map((who) => `${who} lied`),
  ];
  return [
    node.name,
    node.runs ?? "-",
    nextOf(node, view),
    heard === null ? "-" : `${heard.version}${from(heard.from)}`,
    bytes.length === 0 ? "-" : bytes.join(", "),
  ];
}

/** What comes next on this node, or what has just come. */
export function nextOf(node: NodeView, { height, plan }: TableView): string {
  if (plan === null) {
    const ready = node.staged.at(-1);
    return ready === undefined || ready === node.runs ? "" : `${ready} ready`;
  }
  const { version, activationHeight, state } = plan;
  if (node.rolledBack.includes(version)) return `${version} was not well: taken back`;
  const switched = node.switches.findLast((s) => s.version === version);
  if (switched !== undefined) return `switched to ${version} at block ${switched.height}`;
  if (state === "cancelled") return `stays: ${version} is cancelled`;
  const isReady = node.staged.includes(version);
  if (state !== "approved" || activationHeight === null) return isReady ? "ready" : "";
  if (!isReady) return `gets ready for block ${activationHeight}`;
  const left = activationHeight - height;
  return `waits for block ${activationHeight}${left > 0 ? ` (${left} left)` : ""}`;
}

/** All of it is ASCII: a character is a column. */
function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}~`;
}
