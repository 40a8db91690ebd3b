// Makes a file durable bit by bit while it is written, so that at its end there is little left to wait for.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: make its thread wait; the host's own threads do the waiting.

import { closeSync, fdatasync } from "node:fs";
import { openNoLink } from "../disk/raw-file.ts";

export interface WriteBack {
  /** To be called after each write, with its bytes. */
  wrote(bytes: number): void;
  /** Throws what went wrong so far: the system says it once, and not to whoever asks next. */
  check(): void;
  close(): void;
}

// What is left at the end: a fast disk writes it in 20 ms. 512 MiB at once take it 200 ms.
const SYNC_BYTES = 32 << 20;

/** @throws the operating system's errors */
export function createWriteBack(file: string): WriteBack {
  // A descriptor of its own: on Deno one on which a call waits refuses all others.
  const fd = openNoLink(file);
  let dirtyBytes = 0;
  let isSyncing = false;
  let isClosed = false;
  let failure: Error | null = null;

  function sync(): void {
    if (isSyncing || dirtyBytes < SYNC_BYTES) return;
    isSyncing = true;
    dirtyBytes = 0;
    fdatasync(fd, (e) => {
      isSyncing = false;
      failure ??= e;
      if (isClosed) closeSync(fd);
      else sync();
    });
  }

  return {
    wrote(bytes) {
      dirtyBytes += bytes;
      sync();
    },
    check() {
      if (failure !== null) throw failure;
    },
    close() {
      isClosed = true;
      if (!isSyncing) closeSync(fd);
    },
  };
}
