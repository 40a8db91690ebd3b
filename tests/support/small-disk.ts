// A disk that is really small: memory, or a file with a file system of its own. Mounting takes root on Linux; without it
// tests are skipped with a notice.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

const MIB = 1 << 20;

/**
 * - `tmpfs`: 8 MiB of memory.
 * - `ext4`: 16 MiB, as most servers have it: it knows direct I/O.
 * - `ramfs`: does not know it. As large as the machine's memory.
 */
export type DiskKind = "tmpfs" | "ext4" | "ramfs";

export interface SmallDisks {
  /** A new and empty one; undefined where none can be mounted. */
  mount(kind?: DiskKind): string | undefined;
  /** Unmounts and removes all. */
  remove(): void;
}

const succeeds = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

const MOUNTS: Record<DiskKind, (folder: string) => boolean> = {
  tmpfs: (folder) => succeeds("mount", "-t", "tmpfs", "-o", `size=${8 * MIB}`, "tmpfs", folder),
  ramfs: (folder) => succeeds("mount", "-t", "ramfs", "ramfs", folder),
  ext4(folder) {
    const image = `${folder}.image`;
    writeFileSync(image, "");
    truncateSync(image, 16 * MIB);
    try {
      return succeeds("mke2fs", "-q", "-t", "ext4", image) && succeeds("mount", "-o", "loop", image, folder);
    } finally {
      rmSync(image); // it lives as long as it is mounted
    }
  },
};

export function createSmallDisks(): SmallDisks {
  const disks: string[] = [];
  return {
    mount(kind = "tmpfs") {
      const disk = tempFolder("disk");
      if (MOUNTS[kind](disk)) {
        disks.push(disk);
        return disk;
      }
      rmSync(disk, { recursive: true });
      console.warn(`skipped: no ${kind} can be mounted here (it takes root on Linux, and mke2fs for ext4)`);
      return undefined;
    },
    remove() {
      for (const disk of disks) {
        spawnSync("umount", [disk]);
        rmSync(disk, { recursive: true, force: true });
      }
    },
  };
}

/** Writes until nothing fits any more. @returns how to make room again */
export function fillDisk(disk: string): () => void {
  const filler = join(disk, "filler");
  const file = openSync(filler, "w");
  for (let size = MIB; size >= 1;) {
    try {
      writeSync(file, new Uint8Array(size));
    } catch (e) {
      assert.equal((e as NodeJS.ErrnoException).code, "ENOSPC");
      size = Math.floor(size / 2);
    }
  }
  closeSync(file);
  return () => rmSync(filler);
}
