// The program of a hashing worker: hashes parts of a file until none is left.
// Design: "The hashing core" of docs/architecture.md.
// A program of its own in the bundled file (build/hashing-core.ts): it must not import what it does not need.
import { closeSync, fstatSync } from "node:fs";
import { openForReading } from "../disk/raw-file.ts";
import { asUpdateError } from "../errors.ts";
import { compileBlake3, instantiateBlake3 } from "./blake3-core.ts";
import { createPartHasher, fileChanged } from "./part-hasher.ts";
import { identityOf, type WorkerMessage, type WorkerStart } from "./piece-job.ts";
import { onStart } from "./worker-start.ts";

async function run({ job, thread, wasm }: WorkerStart, say: (message: WorkerMessage) => void): Promise<void> {
  const core = await instantiateBlake3(await compileBlake3(wasm));
  const fd = openForReading(job.file);
  try {
    if (identityOf(fstatSync(fd, { bigint: true })) !== job.identity) throw fileChanged(job.file);
    say({ places: core.places });
    const hasher = createPartHasher(job, thread, fd, core);
    while (hasher.waitForRoom()) hasher.hashNext();
  } finally {
    closeSync(fd);
  }
}

// startPieceWorkers gives nothing else than a WorkerStart.
onStart<WorkerStart, WorkerMessage>(async (start, say) => {
  try {
    await run(start, say);
    say({ end: "done" });
  } catch (e) {
    const { code, message, hint } = asUpdateError(e, "E_IO");
    say({ end: "failed", code, message, hint });
  }
});
