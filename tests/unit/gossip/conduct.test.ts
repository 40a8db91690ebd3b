import assert from "node:assert/strict";
import { test } from "node:test";
import { createConduct } from "../../../src/gossip/conduct.ts";

function at(startMs = 0) {
  const time = { ms: startMs };
  return { time, conduct: createConduct(() => time.ms) };
}

test("three lies shut a peer out for an hour, and nobody else", () => {
  const { time, conduct } = at();
  assert.deepEqual([1, 2, 3].map(() => conduct.blame("liar")), [false, false, true]);
  assert.equal(conduct.isShutOut("liar"), true);
  assert.equal(conduct.isShutOut("other"), false);
  time.ms += 3_599_999;
  assert.equal(conduct.isShutOut("liar"), true);
  time.ms += 1;
  assert.equal(conduct.isShutOut("liar"), false);
});

test("a grave lie is enough", () => {
  const { conduct } = at();
  assert.equal(conduct.blame("liar", true), true);
  assert.equal(conduct.isShutOut("liar"), true);
});

test("a peer may hold sixteen streams in silence, and one a minute", () => {
  const { time, conduct } = at();
  const silences = () => Array.from({ length: 20 }, () => conduct.mayBeSilent("holder")).filter(Boolean).length;
  assert.equal(silences(), 16);
  time.ms += 60_000;
  assert.equal(silences(), 1);
  assert.equal(conduct.mayBeSilent("other"), true);
  assert.equal(conduct.maySpeak("holder"), true, "it may say what it has to say");
});

test("a lie is forgotten after ten minutes", () => {
  const { time, conduct } = at();
  for (let i = 0; i < 20; i++) {
    assert.equal(conduct.blame("unlucky"), false);
    time.ms += 600_000;
  }
});

test("a peer may say much at once and little for long", () => {
  const { time, conduct } = at();
  const said = (times: number) => Array.from({ length: times }, () => conduct.maySpeak("a")).filter(Boolean).length;
  assert.equal(said(100), 32);
  time.ms += 5_000;
  assert.equal(said(100), 5);
  assert.equal(conduct.maySpeak("b"), true);
});

test("a crowd of made-up peers does not wash a liar clean", () => {
  const { conduct } = at();
  for (let i = 0; i < 3; i++) conduct.blame("liar");
  for (let i = 0; i < 5_000; i++) conduct.maySpeak(`peer ${i}`);
  assert.equal(conduct.isShutOut("liar"), true);
});

test("of more peers than can be connected the one not heard of for longest is forgotten", () => {
  const { conduct } = at();
  const saysAll = (peer: string) => Array.from({ length: 40 }, () => conduct.maySpeak(peer)).filter(Boolean).length;
  assert.deepEqual([saysAll("first"), saysAll("second")], [32, 32]);
  conduct.maySpeak("first");
  for (let i = 0; i < 999; i++) conduct.maySpeak(`peer ${i}`);
  assert.deepEqual([conduct.maySpeak("first"), saysAll("second")], [false, 32]);
});
