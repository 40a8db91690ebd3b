// Where whole artifacts are in a home: in packages/ under their names, and installed programs in the folders of their
// versions, for a program is its artifact. Design: "State on disk" of docs/architecture.md.
// Must not: measure a file. Name and size are enough to try it; what is made of it is proven.

import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact } from "../api.ts";
import { artifactName, programName } from "../trust/naming.ts";

/** Of a home. */
export interface Places {
  readonly packagesDir: string;
  /** Without it, what is installed is not looked at. */
  readonly versionsDir?: string | undefined;
}

/** What names an artifact, and its length in bytes. */
type Wanted = Pick<Artifact, "version" | "platform" | "format" | "packageType" | "length">;

/** A file that may be that artifact; undefined when there is none. */
export async function findAtHand(a: Wanted, places: Places): Promise<string | undefined> {
  const cached = join(places.packagesDir, artifactName(a));
  return await isFile(cached, a.length) ? cached : await findInstalled(a, places);
}

/** The same, where it is installed. The folder of an archive holds what came out of it, which is no artifact. */
export async function findInstalled(a: Wanted, { versionsDir }: Places): Promise<string | undefined> {
  if (versionsDir === undefined || a.format !== "executable") return undefined;
  const folder = join(versionsDir, a.version), program = join(folder, programName(a.platform));
  const isThere = await lstat(folder).then((info) => info.isDirectory(), () => false);
  return isThere && await isFile(program, a.length) ? program : undefined;
}

/** Links are not followed: none of ours stands there. */
async function isFile(path: string, length: number): Promise<boolean> {
  return await lstat(path).then((info) => info.isFile() && info.size === length, () => false);
}
