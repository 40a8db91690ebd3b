// Digests of files, by one thread and by several: the same answers, and an error for whatever goes wrong.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, open, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { PART_BYTES, PART_PLACES } from "../../../src/hash/blake3-core.ts";
import { digestFile, type DigestOpts, measureFile, prepareMeasurement } from "../../../src/hash/digest-file.ts";
import { createDualDigest } from "../../../src/hash/dual-digest.ts";
import { loadBlake3Core } from "../../../src/hash/load-core.ts";
import { type HashingThread, type WorkerHost, workersOfHost } from "../../../src/hash/piece-workers.ts";
import { hasWebWorkers, startWebWorker } from "../../../src/hash/web-worker.ts";
import { sequence } from "../../support/blake3-vectors.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MIB = 1 << 20;
const signal = new AbortController().signal;
const { start } = workersOfHost();

/** `alone` is a host without workers; `two workers` has them however many processors there are. */
const HOSTS: Record<string, WorkerHost> = {
  alone: { count: 0, start },
  "one worker": { count: 1, start },
  "two workers": { count: 2, start },
};

let folder: string;
let large: string;
before(async () => {
  folder = tempFolder("digest");
  large = join(folder, "large");
  await writeFile(large, sequence(48 * MIB + 777));
});
after(() => rm(folder, { recursive: true, force: true }));

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name}: a file's digests and pieces are those of its bytes, around every edge of its pieces and parts`, async () => {
    const file = join(folder, "f");
    for (const length of [0, 1, MIB - 1, MIB, MIB + 1, 1.5 * MIB, 1.5 * MIB + 1, 2 * MIB, 2 * MIB + 1, 5_000_001]) {
      await writeFile(file, sequence(length));
      const done: number[] = [];
      const measured = await measureFile(file, { signal, onProgress: (n) => done.push(n) }, host);
      const expected = await createDualDigest();
      expected.update(sequence(length));
      assert.deepEqual(measured, { digests: expected.digest(), pieces: expected.pieces() });
      assert.equal(done.at(-1) ?? 0, length);
      assert.deepEqual(done, done.toSorted((a, b) => a - b), "progress goes forward only");
    }
  });

  const changes: Record<string, (file: string) => Promise<void>> = {
    "grows": (file) => appendFile(file, "x"),
    "shrinks": (file) => truncate(file, MIB),
    "is written to and keeps its length": async (file) => {
      const handle = await open(file, "r+");
      await handle.write("x", 40 * MIB);
      await handle.close();
      await utimes(file, 1, 1); // a write within the clock's tick need not show
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`${name}: a file that ${what} while it is read is refused`, async () => {
      const file = join(folder, "changing");
      await writeFile(file, "");
      await truncate(file, 256 * MIB); // long enough for several reports of progress
      let changed: Promise<void> | undefined;
      const o: DigestOpts = { signal, onProgress: () => changed ??= change(file) };
      await assert.rejects(measureFile(file, o, host), { code: "E_IO", message: /was changed while it was read/ });
      await changed;
    });
  }

  test(`${name}: an abort ends the work as interrupted, whatever its reason`, async () => {
    const long = join(folder, "long");
    await writeFile(long, "");
    await truncate(long, 1024 * MIB);
    for (const reason of [undefined, new Error("because")]) {
      const controller = new AbortController();
      let calls = 0;
      const onProgress = () => {
        if (++calls === 3) controller.abort(reason);
      };
      const aborted = measureFile(long, { signal: controller.signal, onProgress }, host);
      await assert.rejects(aborted, { code: "E_INTERRUPTED" });
      assert.equal(calls, 3);
    }
  });

  test(`${name}: timers and signals get their turn long before the end`, async () => {
    const long = join(folder, "long");
    await writeFile(long, "");
    await truncate(long, 1024 * MIB);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    let done = 0;
    const aborted = measureFile(long, { signal: controller.signal, onProgress: (n) => done = n }, host);
    await assert.rejects(aborted, { code: "E_INTERRUPTED" });
    assert.ok(done < 256 * MIB, `${done} bytes`);
  });

  test(`${name}: an absent file is an I/O error`, async () => {
    await assert.rejects(measureFile(join(folder, "absent"), { signal }, host), { code: "E_IO" });
  });
}

/** A host whose workers are what `make` makes of the right one. */
const hostOf = (make: WorkerHost["start"], count = 1): WorkerHost => ({ count, start: make });

const DEATHS: Record<string, WorkerHost> = {
  "is killed before it begins": hostOf((url, data) => {
    const worker = start(url, data);
    queueMicrotask(() => void worker.terminate()); // once it is being watched
    return worker;
  }),
  "ends without a word": hostOf(() => new Worker(new URL("data:text/javascript,"))),
  "throws": hostOf(() => new Worker(new URL("data:text/javascript,throw new Error('broken')"))),
  "takes a part and dies": hostOf((_, workerData) => {
    const program = `import { workerData } from "node:worker_threads"; Atomics.add(workerData.job.control, 0, 1);`;
    return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { workerData });
  }),
  "cannot read the file": hostOf((url, data) => start(url, { ...data, job: { ...data.job, file: "/no such file" } })),
  "has a damaged core": hostOf((url, data) => start(url, { ...data, wasm: data.wasm.slice(0, 100) })),
};
if (hasWebWorkers()) {
  DEATHS["is a web worker and throws"] = hostOf((_, data) =>
    startWebWorker(new URL("data:text/javascript,throw new Error('broken')"), data, "broken")
  );
  DEATHS["is a web worker and throws later"] = hostOf((_, data) =>
    startWebWorker(new URL("data:text/javascript,onmessage = () => { throw new Error('broken') }"), data, "broken")
  );
  DEATHS["is a web worker and no program"] = hostOf((_, data) =>
    startWebWorker(new URL("data:text/javascript,)"), data, "broken")
  );
}
for (const [what, host] of Object.entries(DEATHS)) {
  test(`a worker that ${what} is an error, never a digest and never a hang`, async () => {
    await assert.rejects(measureFile(large, { signal }, host), (e: { code?: string }) => {
      assert.ok(e.code === "E_INTERNAL" || (e.code === "E_IO" && what === "cannot read the file"), String(e));
      return true;
    });
  });
}

for (const victim of [0, 1]) {
  test(`worker ${victim} of two that is killed in the middle is an error`, async () => {
    const long = join(folder, "long to kill");
    await writeFile(long, "");
    await truncate(long, 2048 * MIB);
    const workers: HashingThread[] = [];
    const host = hostOf((url, data) => {
      workers.push(start(url, data));
      return workers.at(-1)!; // it was just put there
    }, 2);
    const onProgress = (done: number) => {
      if (done > 4 * MIB) void workers[victim]!.terminate();
    };
    const killed = measureFile(long, { signal, onProgress }, host);
    await assert.rejects(killed, { code: "E_INTERNAL", message: /ended before its work was done/ });
  });
}

test("a worker that sees another file under the same name is a change of the file", async () => {
  const other = join(folder, "other");
  await writeFile(other, sequence(48 * MIB + 777));
  const host = hostOf((url, data) => start(url, { ...data, job: { ...data.job, file: other } }));
  await assert.rejects(measureFile(large, { signal }, host), { code: "E_IO", message: /was changed/ });
});

test("a worker that comes too late for any part changes nothing", async () => {
  const host = hostOf((_, workerData) => {
    const program = `
      import { parentPort, workerData } from "node:worker_threads";
      const { control, parts } = workerData.job;
      for (let next; (next = Atomics.load(control, 0)) < parts;) Atomics.wait(control, 0, next, 1);
      parentPort.postMessage({ end: "done" });`;
    return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { workerData });
  });
  assert.deepEqual(await measureFile(large, { signal }, host), await measureFile(large, { signal }, HOSTS["alone"]));
});

test("a worker that is late with the value of its part is waited for", async () => {
  const core = await loadBlake3Core();
  core.input.set(sequence(PART_BYTES));
  const value = core.hashPart(0, PART_BYTES, 0).slice();
  let control: Int32Array = new Int32Array(1);
  const host = hostOf((_, workerData) => {
    control = workerData.job.control;
    const program = `
      import { openSync, readSync } from "node:fs";
      import { parentPort, workerData } from "node:worker_threads";
      const { job: { file, control, holders, parts, values }, thread, value } = workerData;
      const places = new Uint8Array(new SharedArrayBuffer(${PART_PLACES * PART_BYTES}));
      parentPort.postMessage({ places });
      readSync(openSync(file), places, 0, ${PART_BYTES}, 0);
      Atomics.store(holders, 0, 1 + thread * ${PART_PLACES});
      Atomics.store(control, 0, 1);
      // All of SHA-256 is done now; the moment is for a main thread that would not wait.
      while (control[1] + control[1 + thread] < parts) Atomics.wait(control, 1, control[1], 1);
      Atomics.wait(control, 1, control[1], 50);
      values.set(value);
      parentPort.postMessage({ end: "done" });`;
    return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
      workerData: { ...workerData, value },
    });
  });
  const expected = await measureFile(large, { signal }, HOSTS["alone"]);
  using measurement = prepareMeasurement(large, host);
  while (Atomics.load(control, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await measurement.measure({ signal }), expected);
});

test("a measurement that is prepared and then given up leaves no worker behind", async () => {
  const workers: HashingThread[] = [];
  const host = hostOf((url, data) => {
    workers.push(start(url, data));
    return workers.at(-1)!; // it was just put there
  });
  const measurement = prepareMeasurement(large, host);
  const [worker] = workers;
  assert.ok(worker !== undefined);
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  measurement[Symbol.dispose]();
  await ended;
});

test("what is no file is refused, and a pipe is not waited for", async (t) => {
  await assert.rejects(digestFile(folder, { signal }), { code: "E_IO" });
  const pipe = join(folder, "pipe");
  if (spawnSync("mkfifo", [pipe]).status !== 0) return t.skip("no pipes with a name here");
  await assert.rejects(digestFile(pipe, { signal }), { code: "E_IO", message: /is not a file/ });
});

test("where workers cannot be started one thread does it all", async () => {
  const host = hostOf(() => {
    throw new Error("forbidden");
  });
  const { digests } = await measureFile(large, { signal }, host);
  assert.deepEqual(digests, await digestFile(large, { signal }));
});

test("where threads may not share memory one thread does it all", async (t) => {
  const expected = await digestFile(large, { signal });
  const { Memory } = WebAssembly;
  const { SharedArrayBuffer } = globalThis;
  const restore = () => {
    Object.assign(WebAssembly, { Memory });
    Object.assign(globalThis, { SharedArrayBuffer });
  };
  t.after(restore);
  function Ignores() {
    return { buffer: new ArrayBuffer(0) };
  }
  function Refuses(): never {
    throw new TypeError("shared memory is not enabled");
  }
  const hosts: Record<string, () => unknown> = {
    "no such buffers": () => Object.assign(globalThis, { SharedArrayBuffer: undefined }),
    "`shared` is ignored": () => Object.assign(WebAssembly, { Memory: Ignores }),
    "`shared` is refused": () => Object.assign(WebAssembly, { Memory: Refuses }),
  };
  for (const [what, become] of Object.entries(hosts)) {
    become();
    let started = 0;
    const host = hostOf((url, data) => (started++, start(url, data)));
    const { digests } = await measureFile(large, { signal }, host);
    restore();
    assert.deepEqual(digests, expected, what);
    assert.equal(started, 0, what);
  }
});

test("a file of more than 4 GiB, with bytes on both sides of that edge", { timeout: 300_000 }, async () => {
  const file = join(folder, "sparse");
  const handle = await open(file, "w");
  await handle.truncate(2 ** 32 + 5000);
  for (const at of [0, 2 ** 32 - 2, 2 ** 32 + 4995]) await handle.write("dchat", at);
  await handle.close();
  // By sha256sum and b3sum.
  assert.deepEqual(await digestFile(file, { signal }), {
    length: 4_294_972_296,
    sha256: "1f51a4fb6967f7eb4f0a1e6c246ad0188434c154a457726799c33aec86fa5024",
    blake3: "6a6487e22f8fc823d99cfca11f0ba9bc75cbb01738fae1cdd8b4be6f7c56f4a5",
  });
});
