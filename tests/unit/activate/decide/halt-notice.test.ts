// When a running program is told of a hard fork: spread out, always in time. docs/activation.md, "Running the node".
import assert from "node:assert/strict";
import { test } from "node:test";
import { isNoticeDue, noticeHeight } from "../../../../src/activate/decide/halt-notice.ts";

const seeds = Array.from({ length: 1000 }, (_, i) => `host-${i} /home/dchat`);
const fork = { toldHeight: undefined, newHeight: 10_000, seenAtHeight: 2_000 };

test("a thousand nodes are told over the first half of the blocks that are left, and in no crowd", () => {
  const places = seeds.map((nodeSeed) => noticeHeight({ ...fork, nodeSeed }));
  assert.ok(places.every((p) => p >= 2_000 && p < 6_000));
  const tenths = new Map<number, number>();
  for (const p of places) {
    tenths.set(Math.floor((p - 2_000) / 400), (tenths.get(Math.floor((p - 2_000) / 400)) ?? 0) + 1);
  }
  // 100 are expected in each; five standard deviations are 47.
  assert.equal(tenths.size, 10);
  for (const [tenth, count] of tenths) assert.ok(count > 50 && count < 150, `${tenth}: ${count}`);
});

test("a node has its block, today and tomorrow, and another one for another fork", () => {
  const [nodeSeed = ""] = seeds;
  assert.equal(noticeHeight({ ...fork, nodeSeed }), noticeHeight({ ...fork, nodeSeed }));
  const other = { toldHeight: undefined, newHeight: 10_001, seenAtHeight: 2_000 };
  assert.notEqual(noticeHeight({ ...fork, nodeSeed }), noticeHeight({ ...other, nodeSeed }));
});

test("it is due at its block and not before", () => {
  for (const nodeSeed of seeds.slice(0, 20)) {
    const at = noticeHeight({ ...fork, nodeSeed });
    assert.equal(isNoticeDue({ ...fork, nodeSeed, height: at }), true);
    if (at > 2_000) assert.equal(isNoticeDue({ ...fork, nodeSeed, height: at - 1 }), false);
  }
});

test("it is at once where the chain does not answer, where few blocks are left, and where the height has come", () => {
  for (const nodeSeed of seeds.slice(0, 20)) {
    assert.equal(isNoticeDue({ ...fork, nodeSeed, height: null }), true);
    for (const left of [19, 1, 0, -5]) {
      assert.equal(isNoticeDue({ ...fork, seenAtHeight: 10_000 - left, nodeSeed, height: 10_000 - left }), true);
    }
  }
});

test("a fork that was cancelled or moved is told before the old height and the new one", () => {
  const heights = [[10_000, undefined], [10_000, 50_000], [50_000, 10_000]] as const;
  for (const [toldHeight, newHeight] of heights) {
    const places = seeds.map((nodeSeed) => noticeHeight({ toldHeight, newHeight, seenAtHeight: 2_000, nodeSeed }));
    assert.ok(places.every((p) => p >= 2_000 && p < 6_000));
  }
});

test("heights of 2^53 - 1 are whole numbers still", () => {
  const newHeight = Number.MAX_SAFE_INTEGER;
  for (const nodeSeed of seeds.slice(0, 20)) {
    const at = noticeHeight({ toldHeight: undefined, newHeight, seenAtHeight: 0, nodeSeed });
    assert.ok(Number.isSafeInteger(at) && at < newHeight);
  }
});
