// kill -9 at every system call that writes, during a metadata update and at the end of a download: what stands
// afterwards is the old or the new, whole, and the next run works without help.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Runtime } from "../runtimes/runtimes.ts";
import { testBytes } from "../support/artifact.ts";
import { requireProvenPackages } from "../support/caught.ts";
import { killedAt, traceableNode, WRITING_CALLS, type WritingCall } from "../support/kill-at-call.ts";
import type { Operator } from "../support/operator.ts";
import { createReleaseRepository, nameOf } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";
import { sha256 } from "../support/signed-file.ts";
import type { Files } from "../support/trust-client.ts";

const node = traceableNode();
const stage = await createStage();
const repository = createReleaseRepository({ seed: "kill at every write" });
await repository.addRelease("1.0.0");
repository.publish();
const known = repository.files();
// The update has a new root, which is stored at once, and then the rest.
repository.publishRoot();
const artifact = testBytes(1_500_000, "1.1.0");
await repository.addRelease("1.1.0", { content: artifact });
repository.publish();
const files = repository.files();

const DOWNLOAD = ["download", "--version", "1.1.0", "--platform", "linux-x64"] as const;
/** What is killed: a command, at its calls on some files below its home. */
interface Victim {
  readonly name: string;
  readonly args: readonly string[];
  readonly knows: Files;
  /** Any file when there are none. */
  readonly files: readonly string[];
}
const partial = ["part", "map"].map((kind) => join("partial", `${sha256(artifact)}.${kind}`));
const fixed = ["trust/state.json", "trust/state.json.lock", join("partial", `${sha256(artifact)}.lock`)];
const UPDATE: Victim = { name: "an update", args: ["check"], knows: known, files: [] };
const FETCHING: Victim = { name: "a download", args: DOWNLOAD, knows: files, files: [] };
// A thread of its own, whose calls are counted apart.
const STORING: Victim = { name: "the storing of pieces", args: DOWNLOAD, knows: files, files: partial };

// Nearly as long as a lock stands that nobody touches. On a busy machine a command takes a quarter of it.
const STALE_LOCK_MS = 50_000;

async function prepare({ knows }: Victim): Promise<Operator> {
  const scene = await stage.scene(repository, knows);
  scene.liar.serve(files);
  return scene.operator;
}

/** Kills it at each call of a kind in turn, until there is none left. @returns how many there were */
async function killAtEach(runtime: Runtime, call: WritingCall, victim: Victim): Promise<number> {
  const undisturbed = await prepare(victim);
  const old = undisturbed.snapshot().state;
  await undisturbed.succeed(...victim.args);
  const end = undisturbed.snapshot().state;
  for (let n = 1;; n++) {
    const operator = await prepare(victim);
    const paths = victim.files.map((file) => join(operator.home, file));
    const { code, stderr } = await operator.start(killedAt(runtime, call, n, paths), ...victim.args).outcome;
    if (code === 0) return n - 1;
    assert.equal(code, null, stderr);
    const { state, packages } = operator.snapshot();
    requireWhole(state, old, end);
    requireProvenPackages(packages, repository.digests);
    const { elapsedMs } = await operator.succeed(...victim.args);
    assert.ok(elapsedMs < STALE_LOCK_MS, `${call} ${n}: a dead process's lock was waited for, ${elapsedMs} ms`);
    const later = operator.snapshot();
    assert.ok(later.state === end, `${call} ${n}: another state than without a kill`);
    if (victim.args === DOWNLOAD) assert.ok(later.packages.has(nameOf("1.1.0")));
    operator.close();
  }
}

const LEAVES = "leaves the old or the new, nothing unproven, and the next run completes it";
const WRITES: readonly WritingCall[] = ["write", "pwrite64"];
for (const call of WRITING_CALLS) {
  if (node === undefined) break;
  if (WRITES.includes(call)) {
    // The runtime writes to many files of its own, so only some are looked at: no moment of these is half-written.
    for (const victim of [UPDATE, FETCHING]) {
      test(`${victim.name} makes no ${call} in place, but to pieces in flight`, async () => {
        assert.equal(await killAtEach(node, call, { ...victim, files: fixed }), 0);
      });
    }
  } else {
    for (const victim of [UPDATE, FETCHING]) {
      test(`${victim.name} killed at any ${call} ${LEAVES}`, async () => {
        assert.ok(await killAtEach(node, call, victim) > 0);
      });
    }
  }
}
for (const call of ["pwrite64", "fsync", "rename", "unlink"] as const) {
  if (node === undefined) break;
  test(`${STORING.name} killed at any ${call} ${LEAVES}`, async () => {
    assert.ok(await killAtEach(node, call, STORING) > 0);
  });
}

/** The old state, the new one, or the old one under the new root. */
function requireWhole(state: string, old: string, end: string): void {
  if (state === old || state === end) return;
  assert.deepEqual(JSON.parse(state), { ...JSON.parse(old), roots: JSON.parse(end).roots });
}
