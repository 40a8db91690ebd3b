// Makes the four documents of the next publication: signs what the given keys can, builds snapshot and timestamp.
// Every step is kept in `staging/`, so that other people can add signatures and a broken publication can be finished.
// Design: "What happens when you publish" of docs/publishing.md. Must not: write anything that readers read.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import {
  readSnapshot,
  readTimestamp,
  type Root,
  type Signed,
  type Snapshot,
  type Targets,
  type Timestamp,
  type TopLevelRole,
} from "../trust/metadata.ts";
import type { Envelope } from "../trust/envelope.ts";
import { canonicalText, type JsonObject } from "../trust/json.ts";
import {
  commonFields,
  type Document,
  fileMeta,
  isDue,
  lifetimeDays,
  makeEnvelope,
  namesExactly,
  type SignatureStatus,
  signatureStatus,
  thresholdError,
} from "./document.ts";
import {
  authoritiesOf,
  isSettled,
  nextRoot,
  type Repository,
  type RepositoryFiles,
  stagingPath,
} from "./repository.ts";
import { headFields, type PublishedSchedule, scheduleToPublish } from "./schedule-files.ts";
import { signDocument } from "./sign-document.ts";
import type { Signer } from "./signer.ts";

export interface PrepareOptions extends Opts {
  readonly signers: readonly Signer[];
  readonly nowMs: number;
  /** Days; by default as long as the version before. */
  readonly lifetimes: Readonly<Partial<Record<"snapshot" | "timestamp", number>>>;
  /** Makes a new version even where the published one would still do. */
  readonly renew: ReadonlySet<"snapshot" | "timestamp">;
  /** False for a refresh: without the keys of a snapshot the published one goes on naming an older schedule. */
  readonly needsSchedule: boolean;
}

/** All that readers will see, complete and signed. */
export interface Publication {
  /** The published chain and the new root, if there is one. */
  readonly roots: readonly Document<Root>[];
  readonly targets: Document<Targets>;
  readonly snapshot: Document<Snapshot>;
  readonly timestamp: Document<Timestamp>;
  readonly schedule: PublishedSchedule;
}

/**
 * @throws UpdateError E_THRESHOLD naming everybody who is missing; what was signed so far is then in `staging/`
 */
export async function prepare(
  files: RepositoryFiles,
  repository: Repository,
  o: PrepareOptions,
): Promise<Publication> {
  const step = new Step(files, repository, o);
  const root = await step.sign("root", repository.staged.root);
  const targets = await step.sign("targets", repository.staged.targets) ?? repository.targets;
  if (targets === undefined) throw new UpdateError("E_STATE_CORRUPT", "staging/targets.json is missing");
  step.check("targets", targets);
  step.requireComplete();

  const roots = root === undefined ? repository.roots : [...repository.roots, root];
  const schedule = await scheduleToPublish(files, roots, repository.snapshot);
  const snapshot = await step.renewed("snapshot", repository.snapshot, repository.staged.snapshot, {
    fits: (s) => namesExactly(s.signed.meta.get("targets.json"), targets),
    isCurrent: (s) => namesSchedule(s, schedule),
    make: (fields) => ({ ...fields, meta: { "targets.json": fileMeta(targets) }, ...headFields(schedule.head) }),
    read: readSnapshot,
  });
  step.requireComplete();
  const timestamp = await step.renewed("timestamp", repository.timestamp, repository.staged.timestamp, {
    fits: (t) => namesExactly(t.signed.snapshot, snapshot),
    make: (fields) => ({ ...fields, meta: { "snapshot.json": fileMeta(snapshot) } }),
    read: readTimestamp,
  });
  step.requireComplete();
  return { roots, targets, snapshot, timestamp, schedule };
}

/** True when a snapshot names exactly this schedule. */
export function namesSchedule({ signed }: Document<Snapshot>, { head }: PublishedSchedule): boolean {
  const said = { "x-dchat-schedule": signed.xDchatSchedule ?? null };
  return canonicalText(said) === canonicalText({ "x-dchat-schedule": null, ...headFields(head) });
}

/** How a role that names another document is made. */
interface Recipe<T extends Signed> {
  /** True when a document names the right child. */
  readonly fits: (document: Document<T>) => boolean;
  /** False when it should be made again by whoever can. */
  readonly isCurrent?: (document: Document<T>) => boolean;
  readonly make: (fields: JsonObject) => JsonObject;
  readonly read: (e: Envelope) => T;
}

/** One publication being prepared: what has been signed, and what still lacks signatures. */
class Step {
  readonly #files: RepositoryFiles;
  readonly #repository: Repository;
  readonly #o: PrepareOptions;
  readonly #incomplete: SignatureStatus[] = [];

  constructor(files: RepositoryFiles, repository: Repository, o: PrepareOptions) {
    this.#files = files;
    this.#repository = repository;
    this.#o = o;
  }

  requireComplete(): void {
    if (this.#incomplete.length > 0) throw thresholdError(this.#incomplete);
  }

  /** Notes what a document lacks. */
  check(role: TopLevelRole, document: Document<Signed>): boolean {
    const status = signatureStatus(role, document, authoritiesOf(this.#repository, role));
    if (!status.complete && !this.#incomplete.some((s) => s.role === role)) this.#incomplete.push(status);
    return status.complete;
  }

  /** Signs a staged document and keeps the signatures. */
  async sign<T extends Signed>(
    role: TopLevelRole,
    staged: Document<T> | undefined,
    isNew = false,
  ): Promise<Document<T> | undefined> {
    if (staged === undefined) return undefined;
    const authorities = authoritiesOf(this.#repository, role);
    // More signatures would change bytes that a staged parent names, for which other people have signed already.
    const signers = isSettled(this.#repository, role, staged) ? [] : this.#o.signers;
    const { document, added } = await signDocument(role, staged, authorities, signers, this.#o);
    if (isNew || added.length > 0) await this.#files.write(stagingPath(role), document.envelope.bytes);
    this.check(role, document);
    return document;
  }

  /** The published version where it still does, else the staged one where it does, else a new one. */
  async renewed<T extends Signed>(
    role: "snapshot" | "timestamp",
    published: Document<T> | undefined,
    staged: Document<T> | undefined,
    recipe: Recipe<T>,
  ): Promise<Document<T>> {
    const { nowMs, renew, lifetimes } = this.#o;
    const able = this.#canComplete(role);
    const isCurrent = recipe.isCurrent ?? (() => true);
    if (published !== undefined && recipe.fits(published) && this.#isSigned(role, published)) {
      const mayStay = isCurrent(published) || !(this.#o.needsSchedule || able);
      if (mayStay && !renew.has(role) && !(able && isDue(role, published, nowMs))) return published;
    }
    const version = (published?.signed.version ?? 0) + 1;
    const usable = staged !== undefined && staged.signed.version === version && recipe.fits(staged) &&
      isCurrent(staged) &&
      staged.signed.expiresMs > nowMs && !(able && (renew.has(role) || isDue(role, staged, nowMs)));
    const document = usable
      ? staged
      : this.#make(role, version, lifetimes[role] ?? lifetimeDays(role, published), recipe);
    // `sign` returns a document whenever it is given one.
    return await this.sign(role, document, !usable) ?? document;
  }

  #make<T extends Signed>(
    role: "snapshot" | "timestamp",
    version: number,
    lifetime: number,
    recipe: Recipe<T>,
  ): Document<T> {
    const fields = commonFields(role, { version, nowMs: this.#o.nowMs, lifetimeDays: lifetime });
    const envelope = makeEnvelope(role, recipe.make(fields), new Map());
    return { signed: recipe.read(envelope), envelope };
  }

  #isSigned(role: TopLevelRole, document: Document<Signed>): boolean {
    return signatureStatus(role, document, authoritiesOf(this.#repository, role)).complete;
  }

  /** True when the given signers alone reach the threshold. */
  #canComplete(role: TopLevelRole): boolean {
    const { keyIds, threshold } = nextRoot(this.#repository).signed.roles[role];
    const able = new Set(this.#o.signers.map((s) => s.keyId).filter((id) => keyIds.has(id)));
    return able.size >= threshold;
  }
}
