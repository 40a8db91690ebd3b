// A folder to download into, and what must hold of it afterwards.

import assert from "node:assert/strict";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact, Source, Verified } from "../../src/api.ts";
import type { DownloadEvent } from "../../src/fetch/download-event.ts";
import { tempFolder } from "./temp-folder.ts";
import { type Download, downloadArtifact, type DownloadOptions } from "../../src/fetch/download.ts";

export interface DownloadPlace {
  readonly folder: string;
  readonly partialDir: string;
  readonly packagesDir: string;
  readonly destination: string;
  /** Of every download here, in order. */
  readonly events: DownloadEvent[];
  download(sources: readonly Source[], o?: Partial<DownloadOptions>): Promise<Download>;
  /** The destination holds exactly these bytes, and nothing is in flight any more. */
  assertPlaced(bytes: Uint8Array): Promise<void>;
  /** Nothing unproven has a name, and no lock is left. */
  assertNothingPlaced(): Promise<void>;
  partialLength(): Promise<number>;
  remove(): Promise<void>;
}

export function createDownloadPlace(artifact: Verified<Artifact>, parent?: string): DownloadPlace {
  const folder = tempFolder("download", parent);
  const [partialDir, packagesDir] = [join(folder, "partial"), join(folder, "packages")];
  const destination = join(packagesDir, artifact.name);
  const events: DownloadEvent[] = [];
  const list = (dir: string) => readdir(dir).catch(() => []);
  return {
    folder,
    partialDir,
    packagesDir,
    destination,
    events,
    download: (sources, o = {}) =>
      downloadArtifact({
        artifact,
        sources,
        partialDir,
        destination,
        signal: new AbortController().signal,
        onEvent: (e) => void events.push(e),
        ...o,
      }),
    async assertPlaced(bytes) {
      assert.deepEqual(new Uint8Array(await readFile(destination)), bytes);
      assert.deepEqual(await list(packagesDir), [artifact.name]);
      assert.deepEqual(await list(partialDir), []);
    },
    async assertNothingPlaced() {
      assert.deepEqual(await list(packagesDir), []);
      assert.deepEqual((await list(partialDir)).filter((name) => !/\.(part|map)$/.test(name)), []);
    },
    partialLength: async () =>
      (await stat(join(partialDir, `${artifact.sha256}.part`)).catch(() => undefined))?.size ?? 0,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
