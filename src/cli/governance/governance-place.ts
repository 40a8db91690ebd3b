// Where a governance command finds the schedule and keeps what it learns: a release repository, or a home.
// Design: docs/governance.md, "Where the schedule is". Certificates travel between places as files.
// Must not: judge; that is src/trust/.
import { resolve } from "node:path";
import { homeAt } from "../../config/home.ts";
import { readNodeReport } from "../../config/node-report.ts";
import { readFileBounded, writeFileAtomic } from "../../disk/atomic-file.ts";
import { UpdateError } from "../../errors.ts";
import { publishedState } from "../../publish/prove-publication.ts";
import { createRepositoryFiles, loadRepository, lockRepository } from "../../publish/repository.ts";
import { loadSchedule, stageCertificates } from "../../publish/schedule-files.ts";
import {
  type Certificate,
  certificateBytes,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
} from "../../trust/certificate.ts";
import { isComplete, type TrustState } from "../../trust/client.ts";
import { networkOf } from "../../trust/x-dchat.ts";
import type { Arguments, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { waiting } from "../release/release-session.ts";
import { openSession } from "../session.ts";

export const PLACE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  repo: { type: "string", value: "DIR", help: "a release repository, or a copy of one (default: the home folder)" },
};

export interface Place {
  /** A folder. */
  readonly name: string;
  readonly isRepository: boolean;
  readonly state: TrustState;
  /** Adds what a state knows of certificates to what is kept here. */
  keep(next: TrustState): Promise<void>;
}

/**
 * Opens `--repo`, locked, or the home.
 * @throws UpdateError E_USAGE or E_NOT_INITIALIZED when nothing is published or known there yet
 */
export async function withPlace<T>(c: Context, a: Arguments, use: (place: Place) => Promise<T>): Promise<T> {
  const folder = a.string("repo");
  if (folder === undefined) return await use(await openHome(c, a));
  const files = createRepositoryFiles(resolve(folder));
  await loadRepository(files); // says that there is no repository before a lock file is made in some folder
  return await lockRepository(files.folder, { signal: c.signal, onWait: waiting(c) }, async () => {
    const repository = await loadRepository(files);
    const [first] = repository.roots;
    const published = first === undefined
      ? undefined
      : publishedState(repository.roots, repository, networkOf(first.signed));
    if (published === undefined) {
      throw new UpdateError("E_USAGE", "the repository has nothing published that could be governed", {
        hint: "run `release publish` first",
      });
    }
    const state = await loadSchedule(files, published);
    return await use({
      name: files.folder,
      isRepository: true,
      state,
      keep: async (next) => void await stageCertificates(files, next),
    });
  });
}

async function openHome(c: Context, a: Arguments): Promise<Place> {
  const session = await openSession(c, a);
  if (!isComplete(session.state)) {
    throw new UpdateError("E_NOT_INITIALIZED", `${c.home} knows no metadata yet`, {
      hint: "run `dchat-update check` first",
    });
  }
  return {
    name: c.home,
    isRepository: false,
    state: session.state,
    keep: async (next) => void await session.store.addSchedule(next.schedule, c),
  };
}

/** True when what was kept in this place is told to the network: by the node that runs on the same home. */
export async function isHandedOver(c: Context, place: Pick<Place, "isRepository">): Promise<boolean> {
  return !place.isRepository && (await readNodeReport(homeAt(c.home))).status === "running";
}

export const HANDED_OVER = "   the node of this home hands it to its peers";

/** @throws UpdateError E_IO, E_TOO_LARGE, E_MALFORMED */
export async function readCertificateFile(file: string): Promise<Certificate> {
  return parseCertificate(await readFileBounded(resolve(file), MAX_CERTIFICATE_BYTES), JSON.stringify(file));
}

export async function writeCertificateFile(file: string, certificate: Certificate): Promise<void> {
  await writeFileAtomic(resolve(file), certificateBytes(certificate), { mode: 0o644 });
}
