// Every frame is asked for its window, wherever it begins and however the bytes come.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { createFrameGuard } from "../../../../src/activate/stage/zstd-frames.ts";
import { zstdBomb, zstdOf, zstdSegment, zstdSkippable } from "../../../support/archives.ts";
import { testBytes } from "../../../support/artifact.ts";
import { fails } from "../../../support/fails.ts";

const MAX = 8 * 2 ** 20;
const content = testBytes(300_000, "frames");
const small = zstdOf(content.subarray(0, 100)), honest = zstdOf(content);
/** 0x68 is 8 MiB, 0x69 an eighth more. */
const atMost = zstdOf(content, 0x68), wide = zstdOf(content, 0x69);

/** Lets the bytes pass in chunks of a size. */
function pass(bytes: Uint8Array, chunk: number): void {
  const guard = createFrameGuard(MAX);
  for (let at = 0; at < bytes.length; at += chunk) guard.pass(bytes.subarray(at, at + chunk));
  guard.end();
}

const CHUNKS = [1, 2, 3, 7, 1024, 1 << 20];
const PASSING: Readonly<Record<string, Uint8Array>> = {
  "one frame": honest,
  "a window of exactly as much": atMost,
  "frames behind each other": Buffer.concat([small, honest, atMost, small]),
  "frames to be leapt over, of all kinds, before, between and behind": Buffer.concat([
    zstdSkippable(wide, 15),
    honest,
    zstdSkippable(new Uint8Array()),
    zstdSkippable(wide, 7),
    small,
    zstdSkippable(new Uint8Array([0x28]), 1),
  ]),
  "blocks of one byte": zstdBomb(300),
  "one segment that says what it has": zstdSegment(content.subarray(0, 1000), BigInt(MAX)),
};
for (const [name, bytes] of Object.entries(PASSING)) {
  test(`${name}: passes, in chunks of any size`, () => {
    for (const chunk of CHUNKS) pass(bytes, chunk);
  });
}

const LARGE: Readonly<Record<string, Uint8Array>> = {
  "the first frame": wide,
  "a later frame": Buffer.concat([small, small, wide]),
  "a frame behind one to be leapt over": Buffer.concat([zstdSkippable(content), wide]),
  "a frame behind blocks of one byte": Buffer.concat([zstdBomb(3), wide]),
  "a later frame of one segment": Buffer.concat([small, zstdSegment(content.subarray(0, 9), BigInt(MAX + 1))]),
  "a segment of 2^63 bytes": zstdSegment(content.subarray(0, 9), 2n ** 63n),
};
for (const [name, bytes] of Object.entries(LARGE)) {
  test(`too large a window of ${name} is refused, in chunks of any size`, () => {
    for (const chunk of CHUNKS) assert.throws(() => pass(bytes, chunk), fails("E_TOO_LARGE", "window"));
  });
}

test("a large window is refused with the head of its frame, before anything behind it has come", () => {
  const guard = createFrameGuard(MAX);
  guard.pass(small);
  guard.pass(wide.subarray(0, 5));
  assert.throws(() => guard.pass(wide.subarray(5, 6)), fails("E_TOO_LARGE"));
});

test("what ends in the middle, begins with something else or has a reserved kind of block is refused", () => {
  const two = Buffer.concat([zstdSkippable(new Uint8Array(3)), small]);
  for (let length = 1; length < two.length; length++) {
    if (length === 11) continue; // behind the frame to be leapt over
    assert.throws(() => pass(two.subarray(0, length), 4), fails("E_MALFORMED", "middle"), String(length));
  }
  const reserved = Buffer.from(small);
  reserved.writeUInt8(reserved.readUInt8(6) | 6, 6);
  for (const bytes of [new Uint8Array(10), Buffer.concat([small, Buffer.from("trailing")]), reserved]) {
    assert.throws(() => pass(bytes, 1024), fails("E_MALFORMED"));
  }
});

test("what zstd makes passes, with checksums and sizes and without", (t) => {
  const zstd = (...options: string[]) =>
    spawnSync("zstd", [...options, "--stdout", "-"], { input: content, maxBuffer: 1 << 26 });
  if (zstd("-1").status !== 0) return t.skip("no zstd here");
  const frames = [["-1"], ["-19", "--no-check"], ["-3", "--check", "--stream-size=300000"]].map((options) =>
    zstd(...options).stdout
  );
  for (const chunk of CHUNKS) pass(Buffer.concat(frames), chunk);
});
