// release init and release rotate-root: the first root of a repository, and the next one. Design: docs/publishing.md.
// Must not: publish; a root is staged until `release publish`.
import { rmdir } from "node:fs/promises";
import { resolve } from "node:path";
import { MAX_LIFETIME_DAYS } from "../../publish/document.ts";
import { createRepositoryFiles, lockRepository, makeFolder } from "../../publish/repository.ts";
import { initRepository, rotateRoot, type StagedRoot } from "../../publish/stage-root.ts";
import { type Root, TOP_LEVEL_ROLES } from "../../trust/metadata.ts";
import { readXDchat } from "../../trust/x-dchat.ts";
import type { Arguments, Command, CommandResult } from "../command.ts";
import type { Context } from "../context.ts";
import { readRootDecisions, ROOT_OPTIONS } from "./release-root-options.ts";
import { statusJson, statusLines, waiting, withRepository } from "./release-session.ts";

/** The network of a repository that was not given a name. */
const DEFAULT_NETWORK = "mainnet";

export const releaseInitCommand: Command = {
  name: "release init",
  summary: "make a release repository: its first root, staged, signed by the private keys given",
  positionals: "REPO",
  options: {
    network: { type: "string", value: "NAME", help: `name of the network (${DEFAULT_NETWORK})` },
    ...ROOT_OPTIONS,
  },
  async run(c, a) {
    const { changes, signers } = await readRootDecisions(c, a);
    const files = createRepositoryFiles(resolve(a.positional(0)));
    await makeFolder(files.folder);
    const withDefaults = {
      ...changes,
      network: changes.network ?? DEFAULT_NETWORK,
      roles: defaultRoles(changes.roles),
    };
    const lock = { signal: c.signal, onWait: waiting(c) };
    const staged = await lockRepository(
      files.folder,
      lock,
      () => initRepository(files, withDefaults, { ...stageOptions(c, a), signers }),
    ).catch(async (e) => {
      await rmdir(files.folder).catch(() => {}); // only an empty folder goes: the one made above
      throw e;
    });
    warnWithoutChain(c, staged.root.signed);
    const { network } = readXDchat(staged.root.signed);
    return rootResult(c, `Repository for network ${network} made: ${files.folder}`, staged);
  },
};

/** Who may publish is decided by the release keys unless somebody else is named; one of them is enough for that. */
function defaultRoles<T>(roles: Partial<Record<keyof Root["roles"], T>>): Partial<Record<keyof Root["roles"], T>> {
  const snapshot = roles.snapshot ?? roles.targets;
  const timestamp = roles.timestamp ?? snapshot;
  return {
    ...roles,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
}

export const releaseRotateRootCommand: Command = {
  name: "release rotate-root",
  summary: "stage the next root: other keys, thresholds, governors; without options a new lifetime",
  positionals: "REPO",
  options: ROOT_OPTIONS,
  async run(c, a) {
    const { changes, signers } = await readRootDecisions(c, a);
    return await withRepository(c, a, async (files, repository) => {
      const staged = await rotateRoot(files, repository, changes, { ...stageOptions(c, a), signers });
      warnWithoutChain(c, staged.root.signed);
      warnOfKeptKeys(c, repository.roots.at(-1)?.signed, staged.root.signed);
      return rootResult(c, `Root ${staged.root.signed.version} staged`, staged);
    });
  },
};

function stageOptions(c: Context, a: Arguments) {
  return {
    signal: c.signal,
    nowMs: c.nowMs,
    lifetimes: {
      root: a.integer("root-expires-days", 1, MAX_LIFETIME_DAYS),
      targets: a.integer("targets-expires-days", 1, MAX_LIFETIME_DAYS),
    },
  };
}

function warnWithoutChain(c: Context, root: Root): void {
  const { governance, chain } = readXDchat(root);
  if (governance === undefined || chain !== undefined) return;
  c.out.warn("there are governors but no chain: no upgrade is activated until a root names the chain");
}

/** A key that was taken out of one role, perhaps because it leaked, and still has another. */
function warnOfKeptKeys(c: Context, before: Root | undefined, after: Root): void {
  for (const role of TOP_LEVEL_ROLES) {
    for (const id of before?.roles[role].keyIds ?? []) {
      if (after.roles[role].keyIds.has(id)) continue;
      const kept = TOP_LEVEL_ROLES.filter((other) => after.roles[other].keyIds.has(id));
      if (kept.length > 0) c.out.warn(`key ${id} leaves the ${role} role but keeps ${kept.join(", ")}`);
    }
  }
}

function rootResult(c: Context, title: string, { root, statuses }: StagedRoot): CommandResult {
  const { roles, version } = root.signed;
  const xDchat = readXDchat(root.signed);
  const complete = statuses.every((s) => s.complete);
  return {
    lines: [
      c.out.line("ok", title),
      ...TOP_LEVEL_ROLES.map((role) => {
        const { keyIds, threshold } = roles[role];
        return `   ${role}: ${threshold} of ${[...keyIds].join(", ")}`;
      }),
      ...[...xDchat.governance?.governors ?? []].map(([id, weight]) => `   governor: ${id}, weight ${weight}`),
      ...statusLines(c, statuses),
      complete ? "   next: dchat-update release publish" : "   next: dchat-update release sign, by each missing key",
    ],
    json: {
      network: xDchat.network,
      root: {
        version,
        expires: new Date(root.signed.expiresMs).toISOString(),
        roles: Object.fromEntries(
          TOP_LEVEL_ROLES.map((r) => [r, { threshold: roles[r].threshold, keyIds: [...roles[r].keyIds] }]),
        ),
        governors: Object.fromEntries(xDchat.governance?.governors ?? []),
      },
      staged: statusJson(statuses),
    },
  };
}
