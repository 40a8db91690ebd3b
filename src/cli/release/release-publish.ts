// release publish and release refresh: make versions visible, and keep the visible ones alive. Design: docs/cli.md.
// Must not: know how; the order of writes is src/publish/publish.ts.
import { MAX_LIFETIME_DAYS } from "../../publish/document.ts";
import { publish, type PublishReport } from "../../publish/publish.ts";
import { newestTargets, stageTargets, targetEntries } from "../../publish/stage-targets.ts";
import type { Arguments, Command, CommandResult, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { formatBytes } from "../output.ts";
import { readSigners, SIGNING_OPTIONS, withRepository } from "./release-session.ts";

const LIFETIME_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  "snapshot-expires-days": { type: "string", value: "N", help: "lifetime of the snapshot" },
  "timestamp-expires-days": { type: "string", value: "N", help: "lifetime of the timestamp" },
};

export const releasePublishCommand: Command = {
  name: "release publish",
  summary: "sign with the given keys and publish what is staged, once every threshold is reached",
  positionals: "REPO",
  options: { ...SIGNING_OPTIONS, ...LIFETIME_OPTIONS },
  async run(c, a) {
    const signers = await readSigners(c, a);
    return await withRepository(c, a, async (files) => {
      const report = await publish(files, {
        ...publishOptions(c, a),
        signers,
        what: "staged",
        renew: new Set<"snapshot" | "timestamp">(),
      });
      return publishResult(c, report);
    });
  },
};

export const releaseRefreshCommand: Command = {
  name: "release refresh",
  summary: "sign the timestamp again, and the snapshot when it is due, over what is published",
  positionals: "REPO",
  options: {
    ...SIGNING_OPTIONS,
    snapshot: { type: "boolean", help: "also the snapshot, due or not" },
    targets: { type: "boolean", help: "also the list of artifacts; publishes all that is staged" },
    "targets-expires-days": { type: "string", value: "N", help: "lifetime of the list of artifacts" },
    ...LIFETIME_OPTIONS,
  },
  async run(c, a) {
    const signers = await readSigners(c, a);
    return await withRepository(c, a, async (files, repository) => {
      if (a.flag("targets")) {
        const lifetimeDays = a.integer("targets-expires-days", 1, MAX_LIFETIME_DAYS);
        await stageTargets(files, repository, targetEntries(newestTargets(repository)), {
          nowMs: c.nowMs,
          lifetimeDays,
        });
      }
      const report = await publish(files, {
        ...publishOptions(c, a),
        signers,
        what: a.flag("targets") ? "staged" : "refresh",
        renew: new Set(a.flag("snapshot") ? ["snapshot", "timestamp"] as const : ["timestamp"] as const),
      });
      return publishResult(c, report);
    });
  },
};

function publishOptions(c: Context, a: Arguments) {
  const snapshot = a.integer("snapshot-expires-days", 1, MAX_LIFETIME_DAYS);
  const timestamp = a.integer("timestamp-expires-days", 1, MAX_LIFETIME_DAYS);
  return {
    signal: c.signal,
    nowMs: c.nowMs,
    lifetimes: {
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(timestamp === undefined ? {} : { timestamp }),
    },
  };
}

function publishResult(c: Context, r: PublishReport): CommandResult {
  const { root, targets, snapshot, timestamp } = r.versions;
  if (r.hadGap) {
    c.out.warn(
      "the old keys did not sign the new timestamp: a reader in the middle of this publication had to ask again",
    );
  }
  if (r.scheduleIsBehind) {
    c.out.warn("the snapshot names an older schedule: run `release publish` with the snapshot key");
  }
  const versions = `root ${root}, targets ${targets}, snapshot ${snapshot}, timestamp ${timestamp}`;
  return {
    lines: [
      r.written.length === 0
        ? `Nothing to publish: network ${r.network} is at ${versions}`
        : c.out.line("ok", `Published for network ${r.network}: ${versions}`),
      ...r.releases.artifacts.map((x) => `   ${x.path} (${formatBytes(x.length)})`),
      ...(r.scheduleHead === undefined ? [] : [`   schedule up to certificate ${r.scheduleHead}`]),
      `   root SHA-256 ${r.rootSha256} (what operators pin: metadata/${root}.root.json)`,
    ],
    json: {
      network: r.network,
      versions: r.versions,
      root: { version: root, sha256: r.rootSha256, file: `metadata/${root}.root.json` },
      written: r.written,
      releases: r.releases.artifacts.map((x) => x.path),
      hadGap: r.hadGap,
      scheduleHead: r.scheduleHead ?? null,
      scheduleIsBehind: r.scheduleIsBehind,
    },
  };
}
