// Lines of a log whose reader has stopped reading: what waits is bounded, and what is left out is told. docs/gossip.md, "The
// log".
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createLogWriter, MAX_WAITING_LENGTH } from "../../../src/cli/log-line.ts";
import { createOutput } from "../../../src/cli/output.ts";
import { createStandardStream } from "../../../src/cli/standard-stream.ts";

const NOW = new Date(Date.UTC(2026, 0, 1));

/** Standard error with a reader who takes a part when he is asked to. */
function heldLog() {
  const taken: string[] = [];
  const taking: (() => void)[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      taking.push(() => {
        taken.push(text);
        done();
      });
    },
  });
  // The cast: what it has beyond a stream is asked for by the progress bar alone.
  const stderr = createStandardStream(stream as NodeJS.WriteStream, new AbortController().signal);
  const out = createOutput({ stdout: stderr, stderr, json: true, quiet: false, verbose: false, plain: true });
  return {
    stderr,
    write: createLogWriter(out, () => NOW),
    lines: () => taken.map((line) => JSON.parse(line) as { event: string; lines?: number }),
    async read(count = Infinity) {
      for (let i = 0; i < count && taking.length > 0; i++) {
        taking.shift()?.();
        await new Promise(setImmediate); // the stream comes with the next one
      }
    },
  };
}

const line = { event: "note", text: "x".repeat(1_000) };

test("what waits for a reader who does not read is bounded", () => {
  const log = heldLog();
  for (let i = 0; i < 10_000; i++) log.write(line);
  assert.ok(log.stderr.waitingLength > MAX_WAITING_LENGTH && log.stderr.waitingLength < MAX_WAITING_LENGTH + 2_000);
});

test("once all is read the next line is told, and before it how many are missing", async () => {
  const log = heldLog();
  for (let i = 0; i < 2_000; i++) log.write(line);
  await log.read(10);
  log.write(line); // there is room, but most is still unread
  await log.read();
  const read = log.lines().length;
  for (let i = 0; i < 2; i++) log.write(line);
  await log.read();
  assert.deepEqual(log.lines().slice(read).map((l) => [l.event, l.lines]), [
    ["dropped", 2_001 - read],
    ["note", undefined],
    ["note", undefined],
  ]);
  assert.equal(log.stderr.waitingLength, 0);
});

test("nothing is left out for a reader who keeps up", async () => {
  const log = heldLog();
  for (let i = 0; i < 3_000; i++) {
    log.write(line);
    await log.read();
  }
  assert.deepEqual(new Set(log.lines().map((l) => l.event)), new Set(["note"]));
  assert.equal(log.lines().length, 3_000);
});
