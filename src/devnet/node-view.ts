// What a devnet knows of one of its nodes, from the lines that the product prints with --json. Pure.
// Design: docs/devnet.md. Must not: read anything but what docs/schemas/ promises, or guess what was not said.

/** A node as the table shows it. */
export interface NodeView {
  readonly name: string;
  /** The version that was started; null while there is none. */
  readonly runs: string | null;
  /** How many others it is connected to. */
  readonly peers: number;
  /** The newest release it has heard of, and from whom. */
  readonly heard: { readonly version: string; readonly from: string } | null;
  /** The newest signed list of releases and certificates that it trusts. */
  readonly timestampVersion: number;
  /** How many votes of governors it has heard of. */
  readonly votes: number;
  /** What it is fetching or has fetched last, and from whom. */
  readonly bytes: { readonly version: string; readonly from: readonly string[]; readonly isProven: boolean } | null;
  /** Whom it has refused, because what he gave was wrong. */
  readonly refused: readonly string[];
  /** Versions that are ready to run. */
  readonly staged: readonly string[];
  /** Each version it has switched to, with the height of the chain when it was told of it. */
  readonly switches: readonly { readonly version: string; readonly height: number }[];
  /** Versions that it has taken back. */
  readonly rolledBack: readonly string[];
}

export function newNodeView(name: string): NodeView {
  const nothing = { refused: [], staged: [], switches: [], rolledBack: [] };
  return { name, runs: null, peers: 0, votes: 0, heard: null, timestampVersion: 0, bytes: null, ...nothing };
}

/** What else has to be known to understand a line. */
export interface Surroundings {
  /** The name of whoever has this peer id or URL; the id itself when nobody is known by it. */
  nameOf(id: string): string;
  /** URLs of mirrors, by which a warning can name one. */
  readonly mirrors: readonly string[];
  /** Height of the chain now. */
  readonly height: number;
}

/** @param line one JSON object of a line of `daemon` or `run`; anything else changes nothing */
export function afterLine(view: NodeView, line: string, around: Surroundings): NodeView {
  const said = parse(line);
  if (said === undefined) return view;
  const text = (name: string) => typeof said[name] === "string" ? said[name] : "";
  switch (said["event"]) {
    case "connected":
    case "disconnected":
      return { ...view, peers: Number(said["peers"] ?? 0) };
    case "fetched": // what it has brought was told just before
      return view.heard?.from === "" ? { ...view, heard: { ...view.heard, from: around.nameOf(text("peer")) } } : view;
    case "learnt": {
      const version = strings(said["versions"]).at(-1);
      const timestampVersion = Number(said["timestampVersion"] ?? 0);
      return { ...view, timestampVersion, heard: version === undefined ? view.heard : { version, from: "" } };
    }
    case "downloading":
    case "downloaded": {
      const from = strings(said["sources"]).map((id) => around.nameOf(id));
      return { ...view, bytes: { version: text("version"), from, isProven: said["event"] === "downloaded" } };
    }
    case "votes":
      return { ...view, votes: view.votes + Number(said["votes"] ?? 0) };
    case "staged":
      return { ...view, staged: [...view.staged, text("version")] };
    case "warning":
    case "note": {
      const liar = around.mirrors.find((url) => text("message").includes(`${url} was refused`));
      if (liar === undefined || view.refused.includes(around.nameOf(liar))) return view;
      return { ...view, refused: [...view.refused, around.nameOf(liar)] };
    }
    case "started":
    case "adopted":
    case "healthy":
      return { ...view, runs: text("version") };
    case "ended":
      return { ...view, runs: null };
    case "switched":
      return { ...view, switches: [...view.switches, { version: text("toVersion"), height: around.height }] };
    case "rolled-back":
      return { ...view, rolledBack: [...view.rolledBack, text("fromVersion")] };
    default:
      return view;
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>; // it begins like an object
  } catch {
    return undefined;
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((x) => typeof x === "string") : [];
}
