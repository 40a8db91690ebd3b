// A release repository in memory: a TUF repository with the project's extension and releases as FORMATS describes them.
// Must not: check anything; tests build broken repositories with it.
import { createDualDigest } from "../../src/hash/dual-digest.ts";
import { testBytes } from "./artifact.ts";
import { type MutableObject, sha256 } from "./signed-file.ts";
import { createTufRepository, type TufRepository, type TufRepositoryOptions } from "./tuf-repository.ts";

export const NETWORK = "testnet";
export const PLATFORM = "linux-x64";

export interface ReleaseOptions {
  /** Default: some bytes that depend on the version. */
  readonly content?: Uint8Array;
  /** Fields of custom.dchat in place of the right ones. */
  readonly custom?: MutableObject;
  /** Target path in place of the right one. */
  readonly path?: string;
  /** Default "targets". */
  readonly role?: string;
  /** False for a repository that serves no piece list beside it. */
  readonly pieceList?: boolean;
}

export interface ReleaseRepository extends TufRepository {
  /** Adds it to what the next publish signs. @returns where a mirror serves it, such as `targets/dchat/1.0.0/<sha256>.dchat-…` */
  addRelease(version: string, o?: ReleaseOptions): Promise<string>;
  /** SHA-256 of everything that was ever added by `addRelease`. */
  readonly digests: ReadonlySet<string>;
}

/** The name of the executable of a release. */
export const nameOf = (version: string): string => `dchat-${version}-${PLATFORM}`;

export function createReleaseRepository(o: TufRepositoryOptions): ReleaseRepository {
  const repository = createTufRepository({ ...o, rootFields: { "x-dchat": { network: NETWORK }, ...o.rootFields } });
  const digests = new Set<string>();
  const pieceLists = new Map<string, Uint8Array>();
  return {
    ...repository,
    digests,
    files: () => new Map([...repository.files(), ...pieceLists]),
    async addRelease(version, r = {}) {
      const content = r.content ?? testBytes(50_000, `release ${version}`);
      const digest = await createDualDigest();
      digest.update(content);
      digests.add(sha256(content));
      const dchat: MutableObject = {
        version,
        platform: PLATFORM,
        packageType: "binary",
        format: "executable",
        channel: "stable",
        upgradeType: "soft-fork",
        security: false,
        releaseDate: "2026-01-01T00:00:00Z",
        blake3: digest.digest().blake3,
        ...r.custom,
      };
      const path = r.path ?? `dchat/${version}/${nameOf(version)}`;
      repository.addTarget(path, content, { custom: { dchat }, ...(r.role === undefined ? {} : { role: r.role }) });
      const slash = path.lastIndexOf("/") + 1;
      const served = `targets/${path.slice(0, slash)}${sha256(content)}.${path.slice(slash)}`;
      const pieces = digest.pieces();
      if (r.pieceList !== false && pieces.length > 0) pieceLists.set(`${served}.pieces`, pieces);
      return served;
    },
  };
}
