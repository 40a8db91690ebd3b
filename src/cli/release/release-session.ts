// What the maintainer's commands share: the repository under its lock, signers out of key files, words for signatures.
// Design: docs/publishing.md. Must not: decide what is published.
import { resolve } from "node:path";
import { isDue, type SignatureStatus } from "../../publish/document.ts";
import { type KeyFile, readKeyFile } from "../../publish/key-file.ts";
import { renewCommand } from "../../publish/prove-publication.ts";
import {
  createRepositoryFiles,
  loadRepository,
  lockRepository,
  type Repository,
  type RepositoryFiles,
} from "../../publish/repository.ts";
import { createSigner, type ExternalSigner, type Signer } from "../../publish/signer.ts";
import { UpdateError } from "../../errors.ts";
import type { Arguments, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";

export const SIGNING_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  key: { type: "string", value: "FILE", multiple: true, help: "a key to sign with: private, or public with a signer" },
  "external-signer": {
    type: "string",
    value: "CMD",
    help: "signs for public keys: bytes on its input, signature on its output",
  },
};

/** The repository of the first positional, loaded under its lock; afterwards says what has to be renewed soon. */
export async function withRepository<T>(
  c: Context,
  a: Arguments,
  use: (files: RepositoryFiles, repository: Repository) => Promise<T>,
): Promise<T> {
  const files = createRepositoryFiles(resolve(a.positional(0)));
  await loadRepository(files); // says that there is no repository before a lock file is made in some folder
  return await lockRepository(files.folder, { signal: c.signal, onWait: waiting(c) }, async () => {
    const repository = await loadRepository(files);
    for (const role of repository.obsolete) {
      c.out.note(`staging/${role}.json is no newer than what is published: it is left aside`);
    }
    const result = await use(files, repository);
    warnOfExpiry(c, await loadRepository(files));
    return result;
  });
}

/** Told when another publisher holds the repository. */
export function waiting(c: Context): (holder: { readonly pid: number }) => void {
  return ({ pid }) => c.out.note(`waiting for process ${pid}, which is changing the repository`);
}

function warnOfExpiry(c: Context, r: Repository): void {
  const published = { root: r.roots.at(-1), targets: r.targets, snapshot: r.snapshot, timestamp: r.timestamp };
  for (const role of ["root", "targets", "snapshot", "timestamp"] as const) {
    const document = published[role];
    if (document === undefined || !isDue(role, document, c.nowMs)) continue;
    const verb = document.signed.expiresMs > c.nowMs ? "expires" : "has expired";
    const day = new Date(document.signed.expiresMs).toISOString();
    c.out.warn(`the published ${role} ${verb} at ${day}: renew it with ${renewCommand(role)}`);
  }
}

export function externalSigner(c: Context, a: Arguments): ExternalSigner | undefined {
  const command = a.string("external-signer");
  return command === undefined ? undefined : { command, env: c.env };
}

/** Reads key files, each once. */
export function readKeyFiles(files: readonly string[]): Promise<KeyFile[]> {
  return Promise.all([...new Set(files)].map((file) => readKeyFile(file)));
}

export function warnOfExposedKeys(c: Context, keys: readonly KeyFile[]): void {
  for (const { file } of keys.filter((k) => k.isExposed)) {
    c.out.warn(`other users can read the private key ${file}: chmod 600`);
  }
}

/**
 * The signers of `--key`.
 * @throws UpdateError E_USAGE for a public key without `--external-signer`, and for that without a key
 */
export async function readSigners(c: Context, a: Arguments): Promise<Signer[]> {
  const external = externalSigner(c, a);
  const keys = await readKeyFiles(a.strings("key"));
  warnOfExposedKeys(c, keys);
  if (external !== undefined && keys.length === 0) {
    throw new UpdateError("E_USAGE", "--external-signer has no key to sign for", {
      hint: "name the public keys whose private half it has: --key FILE.pub",
    });
  }
  return keys.map((key) => {
    const signer = createSigner(key, external);
    if (signer !== undefined) return signer;
    throw new UpdateError("E_USAGE", `${JSON.stringify(key.file)} is a public key: it cannot sign`, {
      hint: "name the private key, or the command that signs for it with --external-signer",
    });
  });
}

/** Told when the staged list of releases is another one than some had signed. */
export function noteDropped(c: Context, signatures: number): void {
  if (signatures > 0) c.out.note(`the staged list changed: ${signatures} earlier signature(s) of it no longer count`);
}

/** One line a document and threshold: how far its signatures are. */
export function statusLines(c: Context, statuses: readonly SignatureStatus[]): string[] {
  return statuses.flatMap((s) =>
    s.thresholds.map((t) => {
      const done = t.signed.length >= t.threshold;
      const under = s.thresholds.length > 1 ? ` under root ${t.rootVersion}` : "";
      const wish = t.required ? "" : " (so that readers of the old root see no gap)";
      const text = `${s.role} ${s.version}: ${t.signed.length} of ${t.threshold} signatures${under}${wish}`;
      return done ? c.out.line("ok", text) : `${text}, missing ${t.missing.join(" or ")}`;
    })
  );
}

export function statusJson(statuses: readonly SignatureStatus[]): unknown {
  return statuses.map((s) => ({
    role: s.role,
    version: s.version,
    complete: s.complete,
    thresholds: s.thresholds.map((t) => ({
      rootVersion: t.rootVersion,
      required: t.required,
      threshold: t.threshold,
      signed: t.signed,
      missing: t.missing,
    })),
  }));
}
