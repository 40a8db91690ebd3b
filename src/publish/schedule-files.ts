// The schedule in a release repository: what is published, and proposals and votes that wait in staging/.
// Design: "Release repository" of docs/formats.md; docs/governance.md. A file here is untrusted like any other.
// Must not: decide what is approved; that is src/trust/.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { type Certificate, certificateBytes, MAX_CERTIFICATE_BYTES, parseCertificate } from "../trust/certificate.ts";
import { acceptRoot, pinRoot, type TrustState } from "../trust/client.ts";
import { missingCertificates, nextHead, type ScheduleHead } from "../trust/effect.ts";
import { MAX_CERTIFICATES } from "../trust/judge.ts";
import type { JsonObject } from "../trust/json.ts";
import { rivalPath, schedulePath } from "../trust/naming.ts";
import { judgementOf, learnCertificates } from "../trust/schedule.ts";
import type { Root } from "../trust/metadata.ts";
import type { Document } from "./document.ts";
import type { Repository, RepositoryFiles } from "./repository.ts";

const STAGED_FOLDER = "staging/schedule";
const FILE_NAME = /^[0-9]{1,16}(\.[0-9a-f]{64})?\.json$/;

/** Where a certificate waits for votes, or for the next publication. */
function stagedPath({ body, sha256 }: Certificate): string {
  return `${STAGED_FOLDER}/${body.sequence}.${sha256}.json`;
}

interface FoundCertificate {
  readonly path: string;
  readonly certificate: Certificate;
}

/** Every certificate of a repository, published or waiting. @throws UpdateError E_MALFORMED naming the file, E_IO */
export async function readCertificates(files: RepositoryFiles): Promise<FoundCertificate[]> {
  const found: FoundCertificate[] = [];
  for (const folder of ["schedule", STAGED_FOLDER]) {
    for (const name of await namesIn(join(files.folder, folder))) {
      const path = `${folder}/${name}`;
      const bytes = await files.read(path, MAX_CERTIFICATE_BYTES);
      if (bytes === undefined) continue;
      found.push({ path, certificate: parseCertificate(bytes, path) });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name));
    if (names.length <= 2 * MAX_CERTIFICATES) return names.sort();
    throw new UpdateError(
      "E_TOO_LARGE",
      `${JSON.stringify(folder)} holds more than ${2 * MAX_CERTIFICATES} certificates`,
    );
  } catch (e) {
    if (systemCode(e) === "ENOENT") return [];
    throw asUpdateError(e, "E_IO");
  }
}

/** What a reader of these roots makes of a repository's certificates; `from` brings the snapshot, where there is one. */
export async function loadSchedule(files: RepositoryFiles, from: TrustState): Promise<TrustState> {
  return learnCertificates(from, (await readCertificates(files)).map((f) => f.certificate));
}

/** The state of a reader who knows nothing but these roots. */
export function stateOfRoots(roots: readonly Document<Root>[]): TrustState {
  const [first, ...others] = roots;
  if (first === undefined) throw new UpdateError("E_INTERNAL", "a schedule was asked for before there was a root");
  return others.reduce((state, r) => acceptRoot(state, r.envelope.bytes), pinRoot(first.envelope.bytes));
}

/** What is published of a schedule. */
export interface PublishedSchedule {
  /** Undefined while nothing is approved. */
  readonly head: ScheduleHead | undefined;
  /** The approved certificates, by sequence. */
  readonly certificates: readonly Certificate[];
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** Files of staging/ that are published by this, or that nothing needs any more. */
  readonly finished: readonly string[];
}

/** What a publication under these roots carries: all that is approved, with every signature that is known. */
export async function scheduleToPublish(
  files: RepositoryFiles,
  roots: readonly Document<Root>[],
  published: Repository["snapshot"],
): Promise<PublishedSchedule> {
  const state = await loadSchedule(files, { ...stateOfRoots(roots), snapshot: published });
  await requireNothingLost(files, roots, state);
  const head = nextHead(state);
  const { bySequence } = judgementOf(state);
  const rivals = new Map(head?.rivals.map((r) => [r.sha256, r.sequence]));
  const approved = [...bySequence.values()].flat().map((p) => p.certificate);
  const line = new Set<string>();
  for (let p = judgementOf(state).accepted.get(head?.sha256 ?? ""); p !== undefined; p = p.parent) {
    line.add(p.certificate.sha256);
  }
  const write = (c: Certificate) => {
    const path = line.has(c.sha256) ? schedulePath(c.body.sequence) : rivalPath(c.body.sequence, c.sha256);
    return { path, bytes: certificateBytes(c) };
  };
  const shown = approved.filter((c) => line.has(c.sha256) || rivals.has(c.sha256));
  const staged = (await readCertificates(files)).filter((f) => f.path.startsWith(STAGED_FOLDER));
  const isWaiting = (sha256: string) =>
    state.schedule.certificates.has(sha256) && !shown.some((c) => c.sha256 === sha256);
  return {
    head,
    certificates: approved,
    files: shown.map(write),
    finished: staged.filter((f) => !isWaiting(f.certificate.sha256)).map((f) => f.path),
  };
}

/**
 * What the published snapshot names must not fall out of the next one because a file is gone: readers could then no
 * longer tell that it is withheld. A new root may void it, so it counts as there when the root before has it.
 * @throws UpdateError E_ABSENT
 */
async function requireNothingLost(
  files: RepositoryFiles,
  roots: readonly Document<Root>[],
  state: TrustState,
): Promise<void> {
  const [lost] = missingCertificates(state);
  if (lost === undefined) return;
  const before = roots.slice(0, -1);
  const { snapshot } = state;
  if (before.length > 0) {
    const earlier = await loadSchedule(files, { ...stateOfRoots(before), snapshot });
    if (missingCertificates(earlier).length === 0 && judgementOf(earlier).accepted.has(lost.sha256)) return;
  }
  throw new UpdateError(
    "E_ABSENT",
    `certificate ${lost.sequence}, which the published snapshot names, is not whole here`,
    {
      hint: "restore schedule/ from a mirror, or take the file in: `governance vote FILE --repo REPO`",
    },
  );
}

/** Writes to staging/ what a state knows of certificates beyond the files that are there. @returns the paths written */
export async function stageCertificates(files: RepositoryFiles, state: TrustState): Promise<string[]> {
  const there = new Map<string, Set<string>>();
  for (const { certificate: c } of await readCertificates(files)) {
    there.set(c.sha256, new Set([...there.get(c.sha256) ?? [], ...c.signatures.keys()]));
  }
  const written: string[] = [];
  for (const c of state.schedule.certificates.values()) {
    const known = there.get(c.sha256);
    if (known !== undefined && [...c.signatures.keys()].every((id) => known.has(id))) continue;
    await files.write(stagedPath(c), certificateBytes(c));
    written.push(stagedPath(c));
  }
  return written;
}

/** x-dchat-schedule of a snapshot. */
export function headFields(head: ScheduleHead | undefined): JsonObject {
  if (head === undefined) return {};
  const { sequence, sha256, rivals } = head;
  const named = rivals.map((r) => ({ sequence: r.sequence, sha256: r.sha256 }));
  return { "x-dchat-schedule": { sequence, sha256, ...(named.length === 0 ? {} : { rivals: named }) } };
}
