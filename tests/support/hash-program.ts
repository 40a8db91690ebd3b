// A program over src/hash/ alone, for tests that run it on every runtime, bundled as the product is: it hashes a file
// with workers and without, kills one and aborts, and prints what came of it as one line of JSON.
// Must not: end the process; that it ends by itself is part of the test.
import process from "node:process";
import { createBlake3 } from "../../src/hash/blake3.ts";
import { measureFile } from "../../src/hash/digest-file.ts";
import { kernelForHost, type KernelName } from "../../src/hash/load-core.ts";
import { workersOfHost } from "../../src/hash/piece-workers.ts";
import { sequence } from "./sequence.ts";

const file = process.env["HASH_FILE"] ?? "";
const { start } = workersOfHost();
const { signal } = new AbortController();

const codeOf = (p: Promise<unknown>): Promise<unknown> => p.then(() => "no error", (e) => e.code);

/** The digests of the official inputs, whose lengths the test gives. */
async function digests(kernel: KernelName): Promise<string[]> {
  const found: string[] = [];
  for (const length of JSON.parse(process.env["HASH_LENGTHS"] ?? "[]") as number[]) {
    const hash = await createBlake3({ kernel });
    hash.update(sequence(length));
    found.push(hash.digest());
  }
  return found;
}

const shared = await measureFile(file, { signal }, { count: 2, start });
const alone = await measureFile(file, { signal }, { count: 0, start });
const killed = await codeOf(measureFile(file, { signal }, {
  count: 1,
  start(url, data) {
    const worker = start(url, data);
    queueMicrotask(() => void worker.terminate()); // once it is being watched; later it might have done its work
    return worker;
  },
}));
const controller = new AbortController();
const aborted = await codeOf(measureFile(file, {
  signal: controller.signal,
  onProgress: () => controller.abort(),
}, { count: 2, start }));

console.log(JSON.stringify({
  shared: shared.digests,
  alone: alone.digests,
  samePieces: shared.pieces.every((byte, i) => byte === alone.pieces[i]),
  killed,
  aborted,
  kernel: kernelForHost(),
  unrolled: await digests("unrolled"),
  looped: await digests("looped"),
}));
