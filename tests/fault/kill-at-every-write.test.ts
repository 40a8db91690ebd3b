// kill -9 at every system call that writes, during a metadata update and at the end of a download: what stands
// afterwards is the old or the new, whole, and the next run works without help.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Runtime } from "../runtimes/runtimes.ts";
import { testBytes } from "../support/artifact.ts";
import { requireProvenPackages } from "../support/caught.ts";
import { countCalls, killedAt, traceableNode, WRITING_CALLS, type WritingCall } from "../support/kill-at-call.ts";
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

/** Files whose names are known beforehand. */
const filesOf = ({ home }: Operator) => [
  join(home, "trust", "state.json"),
  join(home, "trust", "state.json.lock"),
  join(home, "partial", `${sha256(artifact)}.lock`),
  join(home, "partial", `${sha256(artifact)}.part`),
];

// Nearly as long as a lock stands that nobody touches. On a busy machine a command takes a quarter of it.
const STALE_LOCK_MS = 50_000;

async function killAtEach(
  runtime: Runtime,
  call: WritingCall,
  args: readonly string[],
  before: Files,
  expected: "some" | "none",
): Promise<void> {
  const prepare = async () => {
    const scene = await stage.scene(repository, before);
    scene.liar.serve(files);
    return scene.operator;
  };
  const rehearsal = await prepare();
  const old = rehearsal.snapshot().state;
  const calls = await countCalls(runtime, call, filesOf(rehearsal), async (o) => {
    assert.equal((await rehearsal.start(o, ...args).outcome).code, 0);
  });
  const end = rehearsal.snapshot().state;
  assert.equal(calls > 0 ? "some" : "none", expected, `${calls} calls of ${call}`);
  for (let n = 1; n <= calls; n++) {
    const operator = await prepare();
    const { code } = await operator.start(killedAt(runtime, call, n, filesOf(operator)), ...args).outcome;
    // Two threads work on a download: the last call of one may come before, with or after the end of the other.
    assert.ok(
      code === null || (code === 0 && n === calls && args === DOWNLOAD),
      `${call} ${n} of ${calls} did not come`,
    );
    const { state, packages } = operator.snapshot();
    requireWhole(state, old, end);
    requireProvenPackages(packages, repository.digests);
    const { elapsedMs } = await operator.succeed(...args);
    assert.ok(elapsedMs < STALE_LOCK_MS, `${call} ${n}: a dead process's lock was waited for, ${elapsedMs} ms`);
    const later = operator.snapshot();
    assert.ok(later.state === end, `${call} ${n}: another state than without a kill`);
    if (args[0] === "download") assert.ok(later.packages.has(nameOf("1.1.0")));
  }
}

const DOWNLOAD = ["download", "--version", "1.1.0", "--platform", "linux-x64"] as const;
const NEXT_RUN = "and the next run completes it";
// No file with a known name is written in place but the partial one, so elsewhere no moment is half-written.
const IN_PLACE: readonly WritingCall[] = ["write", "pwrite64"];
for (const call of WRITING_CALLS) {
  if (node === undefined) break;
  const isInPlace = IN_PLACE.includes(call);
  test(
    isInPlace
      ? `an update makes no ${call} in place`
      : `an update killed at any ${call} leaves the old or the new, ${NEXT_RUN}`,
    () => killAtEach(node, call, ["check"], known, isInPlace ? "none" : "some"),
  );
  test(
    call === "write"
      ? `a download makes no ${call} in place`
      : `a download killed at any ${call} leaves nothing unproven, ${NEXT_RUN}`,
    () => killAtEach(node, call, DOWNLOAD, files, call === "write" ? "none" : "some"),
  );
}

/** The old state, the new one, or the old one under the new root. */
function requireWhole(state: string, old: string, end: string): void {
  if (state === old || state === end) return;
  assert.deepEqual(JSON.parse(state), { ...JSON.parse(old), roots: JSON.parse(end).roots });
}
