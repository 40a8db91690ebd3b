// What a home has to give to peers, by name: whole files, and those on their way. For people who look.
// Design: docs/gossip.md, "Watching it". Must not: decide what is given; stored-shelf.ts does, and proves it.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact } from "../api.ts";
import { readFileIfThere } from "../config/home-file.ts";
import type { Home } from "../config/home.ts";
import { MAX_REPORTED, type ServedArtifact } from "../config/node-report.ts";
import { pieceMapBytes, readPieceMap } from "../fetch/piece-map.ts";
import { pieceCount } from "../hash/piece-tree.ts";
import { ANY_TIME, type TrustState } from "../trust/client.ts";
import { listReleases } from "../trust/releases.ts";

/** @returns at most as many as a report holds. Never throws: a folder that cannot be read has nothing. */
export async function listServed(
  { packagesDir, partialDir }: Pick<Home, "packagesDir" | "partialDir">,
  state: TrustState,
): Promise<ServedArtifact[]> {
  const [whole, partial] = await Promise.all(
    [packagesDir, partialDir].map(async (dir) => new Set(await readdir(dir).catch(() => []))),
  );
  const served: ServedArtifact[] = [];
  for (const a of listReleases(state, ANY_TIME).artifacts) {
    if (served.length === MAX_REPORTED) break;
    const totalPieces = pieceCount(a.length);
    const isWhole = whole?.has(a.name) === true && await hasLength(join(packagesDir, a.name), a.length);
    const pieces = isWhole ? totalPieces : partial?.has(`${a.sha256}.map`) === true ? await held(partialDir, a) : 0;
    if (pieces > 0) served.push({ name: a.name, version: a.version, pieces, totalPieces });
  }
  return served;
}

async function hasLength(file: string, length: number): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  return info?.isFile() === true && info.size === length;
}

async function held(partialDir: string, { sha256, length }: Artifact): Promise<number> {
  const count = pieceCount(length);
  const bytes = await readFileIfThere(join(partialDir, `${sha256}.map`), pieceMapBytes(count)).catch(() => undefined);
  const map = bytes === undefined ? undefined : readPieceMap(bytes, count);
  return map?.marks.reduce((sum, mark) => sum + (mark === 1 ? 1 : 0), 0) ?? 0;
}
