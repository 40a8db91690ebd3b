// A disk that is really small: a tmpfs. Mounting takes root on Linux; without it tests are skipped with a notice.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

const MIB = 1 << 20;

export interface SmallDisks {
  /** A new one, of 8 MiB; undefined where none can be mounted. */
  mount(): string | undefined;
  /** Unmounts and removes all. */
  remove(): void;
}

const SMALL_DISK_BYTES = 8 * MIB;

export function createSmallDisks(): SmallDisks {
  const disks: string[] = [];
  return {
    mount() {
      const disk = tempFolder("disk");
      if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SMALL_DISK_BYTES}`, "tmpfs", disk]).status === 0) {
        disks.push(disk);
        return disk;
      }
      rmSync(disk, { recursive: true });
      console.warn("skipped: no small disk can be mounted here (it takes root on Linux)");
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
