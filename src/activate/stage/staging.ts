// Versions that are ready to run: versions/<number>/ in the home. Design: "The switch" of docs/activation.md.
// What is staged was copied first and proven afterwards, so that nobody can change it in between; it is proven again
// before it runs. Must not: decide what runs, or leave half a version under its name.
import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Artifact, Digests, Opts, PackageFormat, Verified } from "../../api.ts";
import { readFileIfThere } from "../../config/home-file.ts";
import type { Home } from "../../config/home.ts";
import { fsyncFolder, LEFTOVER_SUFFIX, writeFileAtomic } from "../../disk/atomic-file.ts";
import { requireFreeSpace } from "../../disk/free-space.ts";
import { type LockOpts, withLock } from "../../disk/lock.ts";
import { asUpdateError, isIntegrityError, systemCode, UpdateError } from "../../errors.ts";
import { digestFile } from "../../hash/digest-file.ts";
import { compareVersions, isVersion, programName } from "../../trust/naming.ts";
import { requireDigests } from "../../trust/proof.ts";
import { withActivation } from "../switch.ts";
import { makeOwnFolder, requireOwnFile, requireOwnFolder, requireOwnHome } from "./own-folder.ts";
import { MAX_RECORD_BYTES, readStagedRecord, RECORD_FILE, stagedRecord, type StagedVersion } from "./staged-version.ts";

/** Puts what a proven archive holds into an empty folder, and says what that is. Another format needs another one. */
export interface Unpacker {
  readonly formats: readonly PackageFormat[];
  /**
   * @param archive a proven file that nobody else can write to
   * @returns path of the program below `folder`, and a digest of all files with their paths and modes
   */
  unpack(archive: string, artifact: Verified<Artifact>, folder: string, o: Opts): Promise<Unpacked>;
  /** The digest of a folder as `unpack` gives it. */
  measure(folder: string, o: Opts): Promise<string>;
}

export interface Unpacked {
  readonly entrypoint: string;
  readonly tree: string;
}

export interface StageOpts extends Pick<LockOpts, "signal" | "onWait"> {
  /**
   * Called with a version that is proven and stands under no number yet, so that one which throws is never taken for
   * ready, whoever is killed when. What it did to the files is found: they are proven again.
   */
  readonly tryOut?: ((draft: StagedVersion) => Promise<void>) | undefined;
}

export interface Staging {
  /**
   * Copies an artifact, proves the copy and puts it under its number. One that is there, whole and the same, stays.
   * One at a time; only the last step, which takes no time, is kept from meeting a switch: what is made ready for later
   * must not delay what is due now. So it must not be called under the activation lock.
   * @param file from anywhere; not trusted
   * @throws UpdateError E_HASH_MISMATCH, E_SIZE_MISMATCH, E_DISK_FULL, E_IO, E_NOT_STAGED (a format nobody can unpack),
   *   E_LOCKED; what `tryOut` throws
   */
  stage(artifact: Verified<Artifact>, file: string, o: StageOpts): Promise<StagedVersion>;
  /** Newest first. What does not read is left out. */
  list(): Promise<StagedVersion[]>;
  /** @throws UpdateError E_NOT_STAGED, E_STATE_CORRUPT, E_IO */
  find(version: string): Promise<StagedVersion>;
  /**
   * Measures a staged version again, now.
   * @param signed what it has to be, by metadata or a certificate
   * @throws UpdateError E_HASH_MISMATCH, E_SIZE_MISMATCH, E_IO, E_NOT_STAGED
   */
  prove(staged: StagedVersion, signed: Digests, o: Opts): Promise<void>;
  /** @returns how many bytes that freed */
  remove(version: string): Promise<number>;
}

/** The folder of an unpacked archive in a version's folder. */
const TREE_FOLDER = "files";
// For the record, and for file systems that round up.
const SPARE_BYTES = 1 << 20;
// Another process may be unpacking gigabytes, or trying them out.
const LOCK_WAIT_MS = 600_000;

/** @param unpackers for archives; an executable needs none */
export function createStaging(home: Home, unpackers: readonly Unpacker[] = []): Staging {
  const { versionsDir } = home;
  const folderOf = (version: string) => join(versionsDir, version);

  const find = async (version: string): Promise<StagedVersion> => {
    const folder = folderOf(version);
    await requireOwnFolder(versionsDir).catch((e) => notThere(version, e));
    await requireOwnFolder(folder).catch((e) => notThere(version, e));
    const bytes = await readFileIfThere(join(folder, RECORD_FILE), MAX_RECORD_BYTES);
    if (bytes === undefined) return notThere(version, undefined);
    const staged = readStagedRecord(bytes, folder);
    if (staged.version !== version) throw new UpdateError("E_STATE_CORRUPT", `${folder} holds ${staged.version}`);
    return staged;
  };

  const prove = async (staged: StagedVersion, signed: Digests, o: Opts): Promise<void> => {
    await requireOwnHome(home.dir);
    await requireOwnFolder(versionsDir);
    await proveIn(folderOf(staged.version), staged, signed, o);
  };

  const proveIn = async (versionFolder: string, staged: StagedVersion, signed: Digests, o: Opts): Promise<void> => {
    const name = `versions/${staged.version}`;
    await requireOwnFolder(versionFolder);
    await requireOwnFile(staged.program);
    if (staged.tree === undefined) return requireDigests(name, signed, await digestFile(staged.program, o));
    // The archive was these bytes when it was unpacked; what came out of it must still be what it was then.
    requireDigests(name, signed, staged);
    const folder = join(versionFolder, TREE_FOLDER);
    for (const unpacker of unpackers) if (await unpacker.measure(folder, o) === staged.tree) return;
    throw new UpdateError("E_HASH_MISMATCH", `${name} is not what was unpacked`, { hint: "install it again" });
  };

  return {
    find,
    prove,
    stage: (artifact, file, o) =>
      withLock(home.stagingLock, { waitMs: LOCK_WAIT_MS, ...o }, async () => {
        const there = await find(artifact.version).catch(() => undefined);
        if (there !== undefined && await isIntact(there, artifact, (s, a) => prove(s, a, o))) return there;
        try {
          await requireOwnHome(home.dir);
          await makeOwnFolder(versionsDir);
          await removeLeftovers(versionsDir);
          const draft = leftover(versionsDir, artifact.version);
          await mkdir(draft, { mode: 0o700 }); // exclusive: whatever is planted under this name is not used
          try {
            const record = await fillDraft(draft, artifact, file, unpackers, o);
            if (o.tryOut !== undefined) {
              const tried = readStagedRecord(record, draft);
              await o.tryOut(tried);
              await proveIn(draft, tried, artifact, o);
              await writeFileAtomic(join(draft, RECORD_FILE), record, { mode: 0o644 });
            }
            await withActivation(home, o, () => putInPlace(draft, folderOf(artifact.version)));
          } finally {
            await rm(draft, { recursive: true, force: true }).catch(() => {}); // the next staging removes it
          }
        } catch (e) {
          throw asUpdateError(e, "E_IO");
        }
        return await find(artifact.version);
      }),
    async list() {
      const names = (await readdir(versionsDir).catch(() => [])).filter(isVersion);
      const found = await Promise.all(names.map((v) => find(v).catch(() => undefined)));
      return found.filter((s) => s !== undefined).toSorted((a, b) => compareVersions(b.version, a.version));
    },
    async remove(version) {
      const bytes = await sizeOf(folderOf(version));
      const dead = leftover(versionsDir, version);
      try {
        await rename(folderOf(version), dead); // in one step: half a version never stands under its number
        await fsyncFolder(versionsDir);
        await rm(dead, { recursive: true, force: true });
      } catch (e) {
        throw asUpdateError(e, "E_IO");
      }
      return bytes;
    },
  };
}

function notThere(version: string, cause: unknown): never {
  if (cause instanceof UpdateError && cause.code !== "E_NOT_STAGED") throw cause;
  throw new UpdateError("E_NOT_STAGED", `version ${version} is not installed here`, {
    cause,
    hint: `get it with: dchat-update install --version ${version}`,
  });
}

const leftover = (folder: string, version: string) =>
  join(folder, `.${version}.${randomBytes(6).toString("hex")}${LEFTOVER_SUFFIX}`);

/** Under the lock nobody else stages: what has such a name was left by a process that was killed, or is being removed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(LEFTOVER_SUFFIX)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function isIntact(
  there: StagedVersion,
  artifact: Verified<Artifact>,
  prove: (s: StagedVersion, signed: Digests) => Promise<void>,
): Promise<boolean> {
  try {
    await prove(there, artifact);
    return true;
  } catch (e) {
    if (isIntegrityError(e) || (e instanceof UpdateError && ["E_IO", "E_NOT_STAGED"].includes(e.code))) return false;
    throw e;
  }
}

/** @returns the version's record */
async function fillDraft(
  draft: string,
  artifact: Verified<Artifact>,
  file: string,
  unpackers: readonly Unpacker[],
  o: Opts,
): Promise<Uint8Array> {
  const isProgram = artifact.format === "executable";
  const unpacker = unpackers.find((u) => u.formats.includes(artifact.format));
  if (!isProgram && unpacker === undefined) {
    throw new UpdateError("E_NOT_STAGED", `${artifact.name}: nothing here can unpack ${artifact.format}`, {
      hint: "it is for other tools: fetch it with `dchat-update download` and install it with those",
    });
  }
  await requireFreeSpace(draft, artifact.length + SPARE_BYTES);
  const name = isProgram ? programName(artifact.platform) : "artifact";
  const copy = join(draft, name);
  await copyFile(file, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await chmod(copy, 0o555);
  // Proven after it was copied: whoever changes the file it came from comes too late.
  requireDigests(artifact.name, artifact, await digestFile(copy, o));
  await syncFile(copy);
  let unpacked: Unpacked | undefined;
  if (unpacker !== undefined && !isProgram) {
    await mkdir(join(draft, TREE_FOLDER), { mode: 0o755 });
    unpacked = await unpacker.unpack(copy, artifact, join(draft, TREE_FOLDER), o);
    await rm(copy);
  }
  const entrypoint = unpacked === undefined ? name : `${TREE_FOLDER}/${unpacked.entrypoint}`;
  const record = stagedRecord(artifact, entrypoint, unpacked?.tree);
  await writeFileAtomic(join(draft, RECORD_FILE), record, { mode: 0o644 });
  await chmod(draft, 0o755);
  await fsyncFolder(draft);
  return record;
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await handle.sync();
  } catch (e) {
    if (systemCode(e) !== "EPERM") throw e; // Windows syncs only what is open for writing
  } finally {
    await handle.close();
  }
}

/** What stands there was found damaged or foreign, so that there is nothing to lose between the two steps. */
async function putInPlace(draft: string, folder: string): Promise<void> {
  const old = await lstat(folder).catch(() => undefined);
  if (old !== undefined) await rename(folder, `${draft}.old${LEFTOVER_SUFFIX}`);
  await rename(draft, folder);
  await fsyncFolder(join(folder, ".."));
  if (old !== undefined) await rm(`${draft}.old${LEFTOVER_SUFFIX}`, { recursive: true, force: true });
}

async function sizeOf(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.size;
  const names = await readdir(path);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, n) => sum + n, 0);
}
