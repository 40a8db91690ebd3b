// Puts what an archive holds into a folder of our own, and measures that folder again later. Design: "Archives" of
// docs/activation.md. Nothing is written outside of it, through a link, twice, or without a bound.
// Must not: believe a name, a size or a link of the archive.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, constants, copyFile, lstat, mkdir, open, readdir, readlink, realpath, symlink } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import type { Opts } from "../../api.ts";
import { fsyncFolder } from "../../disk/atomic-file.ts";
import { requireFreeSpace } from "../../disk/free-space.ts";
import { UpdateError } from "../../errors.ts";
import { checkRelativePath } from "../../trust/naming.ts";
import { ARCHIVE_FORMATS, type ArchiveEntry, readArchive } from "./archive-entries.ts";
import { requireOwnFile, requireOwnFolder } from "./own-folder.ts";
import type { Unpacker } from "./staging.ts";

/** A program with all of its modules has some 5,000. */
const MAX_ENTRIES = 20_000;
/** The largest programs with their models and frameworks have a few. */
const MAX_TREE_BYTES = 16 * 2 ** 30;
/** Programs pack to a third, text to a tenth; what packs to a thousandth is there to fill a disk. */
const MAX_RATIO = 100;
/** Small archives may pack well. */
const FREE_BYTES = 64 * 2 ** 20;
/** What a tar spends on one entry besides its bytes: its head, a long name and what fills up blocks. */
const TAR_ENTRY_BYTES = 4096;
const MAX_TARGET_LENGTH = 1024;

/** For the formats that this program can unpack. */
export function createUnpacker(): Unpacker {
  return {
    formats: ARCHIVE_FORMATS,
    async unpack(archive, artifact, folder, o) {
      const { entrypoint, name } = artifact;
      if (entrypoint === undefined) {
        throw new UpdateError("E_NOT_STAGED", `${name}: the release does not say what to start in it`, {
          hint: "publish it anew with `release add --entrypoint PATH`",
        });
      }
      const maxBytes = Math.min(MAX_TREE_BYTES, FREE_BYTES + artifact.length * MAX_RATIO);
      const tree = createTree(folder, maxBytes, name);
      const maxTarBytes = maxBytes + MAX_ENTRIES * TAR_ENTRY_BYTES;
      for await (const entry of readArchive(archive, artifact.format, { ...o, maxTarBytes })) {
        o.signal.throwIfAborted();
        await tree.add(entry);
      }
      await tree.finish(entrypoint);
      return { entrypoint, tree: await measureTree(folder, o) };
    },
    measure: measureTree,
  };
}

interface Tree {
  /** @throws UpdateError E_MALFORMED, E_TOO_LARGE, E_DISK_FULL */
  add(entry: ArchiveEntry): Promise<void>;
  /** Makes the links, which lead nowhere before everything else is there, and the program executable. */
  finish(entrypoint: string): Promise<void>;
}

function createTree(root: string, maxBytes: number, what: string): Tree {
  /** What stands under a name, by a spelling that no file system tells apart from it. */
  const names = new Map<string, { readonly path: string; readonly kind: "file" | "folder" | "link" }>();
  const links: { readonly path: string; readonly target: string }[] = [];
  let entries = 0, bytes = 0;

  const refuse = (path: string, why: string): never => {
    throw new UpdateError("E_MALFORMED", `${what}: ${JSON.stringify(path.slice(0, 80))} ${why}`);
  };
  const fileOf = (path: string) => join(root, ...path.split("/"));
  const claim = (path: string, kind: "file" | "folder" | "link") => {
    const key = path.normalize("NFC").toLowerCase();
    if (names.has(key)) refuse(path, "stands in it twice");
    names.set(key, { path, kind });
  };
  const known = (path: string) => names.get(path.normalize("NFC").toLowerCase());
  const makeFolder = async (path: string): Promise<void> => {
    if (path === ".") return;
    const there = known(path);
    if (there !== undefined) {
      if (there.kind !== "folder" || there.path !== path) refuse(path, "is a file and a folder in it, or two folders");
      return;
    }
    await makeFolder(posix.dirname(path));
    claim(path, "folder");
    await mkdir(fileOf(path), { mode: 0o755 });
  };
  const count = (more: number) => {
    bytes += more;
    if (bytes <= maxBytes) return;
    throw new UpdateError("E_TOO_LARGE", `${what} unpacks to more than ${Math.floor(maxBytes / 2 ** 20)} MiB`);
  };

  async function addFile(path: string, e: ArchiveEntry): Promise<void> {
    if (e.size > FREE_BYTES) await requireFreeSpace(root, e.size);
    const handle = await open(fileOf(path), "wx", 0o600);
    try {
      let length = 0;
      for await (const chunk of e.content) {
        length += chunk.length;
        count(chunk.length);
        await handle.writeFile(chunk);
      }
      if (length !== e.size) refuse(path, `has ${length} bytes and says ${e.size}`);
      await handle.chmod(e.isExecutable ? 0o555 : 0o444);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async function copyOf(path: string, rawTarget: string): Promise<void> {
    const target = relativePath(rawTarget, what);
    if (known(target)?.kind !== "file" || known(target)?.path !== target) {
      refuse(path, "is a second name of no file in it");
    }
    count((await lstat(fileOf(target))).size);
    await copyFile(fileOf(target), fileOf(path), constants.COPYFILE_EXCL);
  }

  async function makeLink({ path, target }: { readonly path: string; readonly target: string }): Promise<void> {
    // deno-lint-ignore no-control-regex -- refusing control characters is the purpose
    const isOdd = target === "" || target.length > MAX_TARGET_LENGTH || /[\\\u0000-\u001f\u007f]/.test(target);
    if (isOdd || posix.isAbsolute(target)) refuse(path, "is a link to somewhere else");
    await symlink(target, fileOf(path));
  }

  return {
    async add(e) {
      if (++entries > MAX_ENTRIES) {
        throw new UpdateError("E_TOO_LARGE", `${what} holds more than ${MAX_ENTRIES} entries`);
      }
      const path = relativePath(e.rawPath, what);
      if (path === ".") return;
      if (e.kind === "folder") return await makeFolder(path);
      if (e.kind === "other") refuse(path, "is neither a file nor a folder nor a link");
      await makeFolder(posix.dirname(path));
      claim(path, e.kind === "symlink" ? "link" : "file");
      if (e.kind === "file") await addFile(path, e);
      else if (e.kind === "hardlink") await copyOf(path, e.target);
      else links.push({ path, target: e.target });
    },
    async finish(entrypoint) {
      for (const link of links) await makeLink(link);
      for (const { path } of links) await requireInside(root, path, what);
      if (known(entrypoint)?.kind !== "file" || known(entrypoint)?.path !== entrypoint) {
        refuse(entrypoint, "is what the release says to start, and it is no file in it");
      }
      await chmod(fileOf(entrypoint), 0o555);
      for (const { path, kind } of names.values()) if (kind === "folder") await fsyncFolder(fileOf(path));
      await fsyncFolder(root);
    },
  };
}

/** A name of the archive as a path in the tree; "." for the tree itself. */
function relativePath(raw: string, what: string): string {
  const path = raw.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
  return path === "" || path === "." ? "." : checkRelativePath(path, what);
}

/** What a link leads to, with all links on the way, is there and in the tree. */
async function requireInside(root: string, path: string, what: string): Promise<void> {
  const found = await realpath(join(root, ...path.split("/"))).catch(() => undefined);
  if (found?.startsWith(`${await realpath(root)}${sep}`) === true) return;
  throw new UpdateError(
    "E_MALFORMED",
    `${what}: the link ${JSON.stringify(path.slice(0, 80))} leads out of it, or nowhere`,
  );
}

/**
 * A digest of all names, modes, contents and links in a folder.
 * @throws UpdateError E_IO when something in it is special, has another name, or can be written by others
 */
async function measureTree(folder: string, o: Opts): Promise<string> {
  const all = createHash("sha256");
  let entries = 0;
  const visit = async (dir: string, prefix: string): Promise<void> => {
    await requireOwnFolder(dir);
    for (const name of (await readdir(dir)).sort()) {
      o.signal.throwIfAborted();
      if (++entries > 2 * MAX_ENTRIES) throw new UpdateError("E_TOO_LARGE", `${folder} holds too many files`);
      const file = join(dir, name), path = `${prefix}${name}`;
      const info = await lstat(file);
      if (info.isDirectory()) {
        all.update(`${JSON.stringify(["folder", path])}\n`);
        await visit(file, `${path}/`);
      } else if (info.isSymbolicLink()) {
        await requireInside(folder, path, folder);
        all.update(`${JSON.stringify(["link", path, await readlink(file)])}\n`);
      } else {
        await requireOwnFile(file);
        const isExecutable = (info.mode & 0o111) !== 0;
        all.update(`${JSON.stringify(["file", path, isExecutable, info.size, await sha256Of(file, o)])}\n`);
      }
    }
  };
  await visit(folder, "");
  return all.digest("hex");
}

async function sha256Of(file: string, o: Opts): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { signal: o.signal })) hash.update(chunk);
  return hash.digest("hex");
}
