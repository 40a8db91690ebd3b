// Mirrors that strangers have named: few, and gone when they fail. docs/gossip.md, "Mirrors that peers know".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHintBook } from "../../../src/service/hint-book.ts";

const nobody = () => false;
const many = (peer: string, n: number) => Array.from({ length: n }, (_, i) => `https://${peer}${i}.example`);

test("one peer takes four places and ten thousand peers take sixteen", () => {
  const book = createHintBook();
  book.learn("liar", many("liar", 1_000), nobody);
  assert.equal(book.urls().length, 4);
  for (let i = 0; i < 10_000; i++) book.learn(`p${i}`, many(`p${i}-`, 8), nobody);
  assert.equal(book.urls().length, 16);
});

test("what failed is forgotten for an hour, whoever names it, and what this node knows anyway is never taken", () => {
  let nowMs = 0;
  const book = createHintBook(() => nowMs);
  const [bad = "", own = "", good = ""] = many("m", 3);
  book.learn("a", [bad, own, good], (url) => url === own);
  assert.deepEqual(book.urls(), [bad, good]);
  book.forget(bad);
  book.learn("b", [bad], nobody);
  assert.deepEqual(book.urls(), [good]);
  nowMs += 3_600_001;
  book.learn("b", [good, bad], nobody);
  assert.deepEqual(book.urls(), [good, bad]);
});

test("what was named an hour ago makes room for what is named now", () => {
  let nowMs = 0;
  const book = createHintBook(() => nowMs);
  for (const peer of ["a", "b", "c", "d", "late"]) book.learn(peer, many(peer, 4), nobody);
  assert.ok(!book.urls().some((url) => many("late", 4).includes(url)));
  nowMs = 3_600_000;
  assert.deepEqual(book.urls(), []);
  book.learn("late", many("late", 4), nobody);
  assert.deepEqual(book.urls(), many("late", 4));
});
