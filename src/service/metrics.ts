// Counters and gauges of the long-running node, as Prometheus reads them. Design: docs/gossip.md, "Watching it".
// Must not: take a label from outside; the number of lines is fixed by this table.

/** What is counted, with its kind, its help and the values of its one label, if it has one. */
const TABLE = {
  announcements_total: {
    kind: "counter",
    help: "messages of peers, by what became of them",
    label: ["verdict", ["accepted", "ignored", "rejected"]],
  },
  announced_total: { kind: "counter", help: "own announcements that peers took" },
  lies_total: { kind: "counter", help: "messages and bundles of peers that no honest node sends" },
  votes_learnt_total: { kind: "counter", help: "votes of governors that became known" },
  versions_discovered_total: { kind: "counter", help: "releases that became known" },
  checks_total: { kind: "counter", help: "times the mirrors were asked", label: ["result", ["ok", "failed"]] },
  downloads_total: {
    kind: "counter",
    help: "artifacts downloaded and proven, by who gave most of it",
    label: ["source", ["https", "peer", "other"]],
  },
  download_failures_total: { kind: "counter", help: "downloads that will be tried again" },
  download_seconds_total: { kind: "counter", help: "time spent on downloads that succeeded" },
  staged_total: { kind: "counter", help: "approved versions that were made ready to run" },
  staging_failures_total: { kind: "counter", help: "times an approved version could not be made ready" },
  unready_upgrades: { kind: "gauge", help: "approved versions that are not ready to run on this node" },
  verifications_total: {
    kind: "counter",
    help: "what came from mirrors and peers, proven or found wrong: metadata, artifacts, announcements",
    label: ["result", ["ok", "failed"]],
  },
  refused_sources_total: { kind: "counter", help: "mirrors and peers that gave wrong metadata or wrong pieces" },
  received_bytes_total: {
    kind: "counter",
    help: "bytes of artifacts fetched, those of downloads that failed included",
  },
  given_bytes_total: { kind: "counter", help: "bytes of pieces that peers took" },
  peers: { kind: "gauge", help: "peers that are connected" },
  root_version: { kind: "gauge", help: "version of the trusted root" },
  timestamp_version: { kind: "gauge", help: "version of the trusted timestamp, 0 when there is none" },
} as const satisfies Record<string, Metric>;

interface Metric {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly label?: readonly [name: string, values: readonly string[]];
}

type Name = keyof typeof TABLE;
type LabelOf<N extends Name> = (typeof TABLE)[N] extends
  { label: readonly [string, readonly (infer V extends string)[]] } ? V : undefined;

export interface Metrics {
  /** Adds to a counter. */
  add<N extends Name>(name: N, by: number, label: LabelOf<N>): void;
  /** Sets a gauge, or a counter that is counted elsewhere. */
  set<N extends Name>(name: N, to: number, label: LabelOf<N>): void;
  /** The text format of Prometheus, version 0.0.4. */
  text(): string;
}

export function createMetrics(): Metrics {
  const values = new Map<string, number>();
  const rows = Object.entries<Metric>(TABLE).map(([name, { kind, help, label }]) => ({
    name: `dchat_update_${name}`,
    kind,
    help,
    keys: label === undefined ? [name] : label[1].map((value) => keyOf(name, value)),
    shown: label === undefined ? [""] : label[1].map((value) => `{${label[0]}="${value}"}`),
  }));
  for (const { keys } of rows) for (const key of keys) values.set(key, 0); // a counter that is absent looks like an error

  return {
    add(name, by, label) {
      const key = keyOf(name, label);
      values.set(key, (values.get(key) ?? 0) + by);
    },
    set: (name, to, label) => void values.set(keyOf(name, label), to),
    text: () =>
      rows.flatMap(({ name, kind, help, keys, shown }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${kind}`,
        ...keys.map((key, i) => `${name}${shown[i]} ${values.get(key)}`),
      ]).join("\n") + "\n",
  };
}

function keyOf(name: string, label?: string): string {
  return label === undefined ? name : `${name} ${label}`;
}
