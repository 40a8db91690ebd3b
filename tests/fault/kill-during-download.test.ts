// kill -9 while an artifact is on its way: nothing unproven gets a name, and the next run goes on where this one ended.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Runtime, runtimes } from "../runtimes/runtimes.ts";
import { testBytes } from "../support/artifact.ts";
import { requireProvenPackages } from "../support/caught.ts";
import { heldAnswer } from "../support/held-answer.ts";
import { askedPieces, keptPieces } from "../support/kept-pieces.ts";
import { nameOf } from "../support/release-repository.ts";
import { createRelease, createStage } from "../support/scene.ts";
import { until } from "../support/until.ts";

const stage = await createStage();
const MIB = 1 << 20;
const { repository, path, content } = await createRelease("kill during download", testBytes(12 * MIB, "killed"));
const files = repository.files();
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;
// The piece that was written and not yet marked as written.
const MAX_ASKED_AGAIN = 1;

// Nearly as long as a lock stands that nobody touches.
const STALE_LOCK_MS = 50_000;

async function killAndResume(servedBytes: number, runtime?: Runtime): Promise<void> {
  const { operator, liar: mirror, digests } = await stage.scene(repository, files, runtime);
  const kept = () => keptPieces(operator.home, content);
  mirror.serve(files, { [path]: heldAnswer(servedBytes).answer });
  const { child, outcome } = operator.start({}, ...DOWNLOAD);
  const servedPieces = Math.floor(servedBytes / MIB);
  await until(
    "the transfer reaches its moment",
    () => mirror.questions.some((q) => q.path === path) && kept().length >= servedPieces,
  );
  child.kill("SIGKILL");
  assert.equal((await outcome).code, null);
  assert.equal(operator.snapshot().packages.size, 0, "something unproven has a name");

  const survived = kept();
  mirror.serve(files);
  const { stderr, elapsedMs } = await operator.succeed(...DOWNLOAD);
  const { packages } = operator.snapshot();
  assert.deepEqual([...packages.keys()], [nameOf("1.0.0")], stderr);
  requireProvenPackages(packages, digests);
  const again = askedPieces(mirror, path).filter((index) => survived.includes(index));
  assert.ok(again.length <= MAX_ASKED_AGAIN, `of ${survived} it asked again for ${again}`);
  assert.ok(elapsedMs < STALE_LOCK_MS, `a dead process's lock was waited for: ${elapsedMs} ms`);
  assert.deepEqual(readdirSync(join(operator.home, "partial")), [], "leftovers");
}

for (
  const [title, servedBytes] of [
    ["before the first byte", 0],
    ["after a third", 4 * MIB],
    ["in the middle of a piece", 6 * MIB + 12_345],
    ["before the last byte", content.length - 1],
  ] as const
) {
  test(`killed ${title}, the next run resumes and ends with the proven file`, async () => {
    await killAndResume(servedBytes);
  });
}

for (const runtime of runtimes().filter(({ name }) => name !== "deno2")) {
  test(`${runtime.name}: killed in the middle, the next run resumes`, async () => {
    await killAndResume(content.length / 2, runtime);
  });
}

test("killed while another process waits for the same artifact, that one finishes it", async () => {
  const { operator, liar: mirror, digests } = await stage.scene(repository, files);
  const held = heldAnswer(6 * MIB);
  mirror.serve(files, { [path]: held.answer });
  const first = operator.start({}, ...DOWNLOAD);
  await until("the first one is at work", () => mirror.questions.some((q) => q.path === path));
  const second = operator.start({}, ...DOWNLOAD);
  await until("the second one waits", () => second.said().includes("waiting for process"));
  first.child.kill("SIGKILL");
  held.release();
  const [dead, alive] = await Promise.all([first.outcome, second.outcome]);
  assert.equal(dead.code, null);
  assert.equal(alive.code, 0, alive.stderr);
  requireProvenPackages(operator.snapshot().packages, digests);
});
