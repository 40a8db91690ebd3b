// A lie told in metadata: what a node knew before, what the liar says now, what is true. The same lies are told by
// mirrors and by bundles. Must not: know how a node is told.
import type { ErrorCode } from "../../../src/errors.ts";
import { createReleaseRepository, type ReleaseRepository } from "../release-repository.ts";
import type { Files } from "../trust-client.ts";
import type { TufRepositoryOptions } from "../tuf-repository.ts";

export interface MetadataLie {
  /** Continues "metadata with …". */
  readonly title: string;
  readonly code: ErrorCode;
  /** "fault": genuine but old; nobody is accused. */
  readonly verdict: "lie" | "fault";
  /** "new root": it comes behind a genuine new root. */
  readonly trust?: "new root";
  /** How a bundle fares with it where that differs; "harmless": the lie cannot be told there. */
  readonly inBundle?: ErrorCode | "harmless";
  tell(): Promise<Told>;
}

export interface Told {
  readonly repository: ReleaseRepository;
  /** What the node knows; the same object for all lies that begin alike. */
  readonly known: Files;
  readonly lying: Files;
  readonly honest: Files;
}

/** A repository in three moments. */
export interface Base {
  readonly repository: ReleaseRepository;
  /** Before there was a release. */
  readonly older: Files;
  /** With release 1.0.0. */
  readonly known: Files;
  /** With release 1.1.0. */
  readonly honest: Files;
}

/** A role that the targets delegate to, so that lies about delegated roles can be told. */
export const DELEGATED = "community";
export const ROLES = ["root", "timestamp", "snapshot", "targets", DELEGATED] as const;

const bases = new Map<string, Promise<Base>>();

const TWO_OF_TWO = { keys: 2, threshold: 2 };
const SHAPES = {
  plain: {},
  /** Every role has two keys and needs both. */
  twoOfTwo: { roles: { root: TWO_OF_TWO, timestamp: TWO_OF_TWO, snapshot: TWO_OF_TWO, targets: TWO_OF_TWO } },
  /** Timestamp and snapshot name versions alone, as the specification allows. */
  withoutDigests: { metaHashes: false },
} satisfies Record<string, Partial<TufRepositoryOptions>>;

/** One repository for each shape, made once in a process. */
export function baseOf(shape: keyof typeof SHAPES): Promise<Base> {
  const found = bases.get(shape) ?? createBase(shape);
  bases.set(shape, found);
  return found;
}

async function createBase(shape: keyof typeof SHAPES): Promise<Base> {
  const repository = createReleaseRepository({ seed: `metadata lies ${shape}`, ...SHAPES[shape] });
  repository.delegate({ name: DELEGATED, ...(shape === "twoOfTwo" ? TWO_OF_TWO : {}) });
  repository.publish();
  const older = repository.files();
  await repository.addRelease("1.0.0");
  repository.publish();
  const known = repository.files();
  await repository.addRelease("1.1.0");
  repository.publish();
  return { repository, older, known, honest: repository.files() };
}

/** A lie told over one of the shapes. */
export function lieOver(
  shape: keyof typeof SHAPES,
  lie: Omit<MetadataLie, "tell">,
  lying: (base: Base) => Files,
): MetadataLie {
  return {
    ...lie,
    async tell() {
      const { repository, known, honest, older } = await baseOf(shape);
      return { repository, known, honest, lying: lying({ repository, known, honest, older }) };
    },
  };
}
