// What threads that measure one file agree on: who takes which part, where it lies, and when its place is free again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PART_BYTES } from "../../../src/hash/blake3-core.ts";
import {
  closeJob,
  createPieceJob,
  freePlace,
  holderOf,
  MAIN_THREAD,
  offerPart,
  partLength,
  releasePart,
  takePart,
  waitForPart,
  waitForPlace,
} from "../../../src/hash/piece-job.ts";

const WORKER = 1;
const jobOf = (length: number) => createPieceJob({ file: "/file", identity: "of it", length }, 2);

test("every part is taken once, in order, and the last one has what is left of the file", () => {
  const job = jobOf(2 * PART_BYTES + 5);
  assert.deepEqual([takePart(job), takePart(job), takePart(job)], [0, 1, 2]);
  assert.equal(takePart(job), undefined);
  assert.deepEqual([0, 1, 2].map((part) => partLength(job, part)), [PART_BYTES, PART_BYTES, 5]);
});

test("a thread gets a place again only when SHA-256 is done with its oldest part", () => {
  const job = jobOf(100 * PART_BYTES);
  assert.deepEqual([0, 1, 2, 3].map((taken) => freePlace(job, WORKER, taken)), [0, 1, 2, 3]);
  assert.equal(freePlace(job, WORKER, 4), undefined);
  releasePart(job, MAIN_THREAD);
  assert.equal(freePlace(job, WORKER, 4), undefined, "another thread's part does not count");
  releasePart(job, WORKER);
  assert.equal(freePlace(job, WORKER, 4), 0);
  assert.equal(freePlace(job, WORKER, 5), undefined);
});

test("a part is nowhere until it is offered, then where its thread has read it", () => {
  const job = jobOf(100 * PART_BYTES);
  assert.equal(holderOf(job, 7), undefined);
  for (const holder of [{ thread: MAIN_THREAD, place: 0 }, { thread: WORKER, place: 3 }, { thread: 2, place: 1 }]) {
    offerPart(job, 7, holder);
    assert.deepEqual(holderOf(job, 7), holder);
    waitForPart(job, 7); // does not wait
  }
  assert.equal(holderOf(job, 8), undefined);
});

test("nobody waits for a place when no part is left, or the job was closed", () => {
  const job = jobOf(100 * PART_BYTES);
  assert.equal(waitForPlace(job, WORKER, 0), true);
  closeJob(job);
  assert.equal(waitForPlace(job, WORKER, 4), false);
  assert.equal(takePart(job), undefined);
});
