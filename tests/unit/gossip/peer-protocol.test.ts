import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAnswer, formatRequest, parseAnswer, parseRequest } from "../../../src/gossip/peer-protocol.ts";
import { refused } from "../../support/refused.ts";

const DIGEST = "0123456789abcdef".repeat(4);

test("a request and an answer come back as they were", () => {
  for (
    const request of [
      { get: "bundle", known: { root: 3, timestamp: 999_999_999_999_999 } },
      { get: "have", sha256: DIGEST },
      { get: "pieces", sha256: DIGEST, first: 0, count: 7 },
      { get: "mirrors" },
      { get: "peers" },
      { get: "votes", sequence: 3, digest: DIGEST },
    ] as const
  ) {
    assert.deepEqual(parseRequest(formatRequest(request)), request);
  }
  for (const answer of [{ status: "ok", bytes: 0 }, { status: "none" }, { status: "busy" }] as const) {
    assert.deepEqual(parseAnswer(formatAnswer(answer)), answer);
  }
});

test("a request of a later version is no lie", () => {
  assert.equal(parseRequest("something else entirely"), undefined);
});

const LIES = ["", "bundle", "bundle 1", "bundle 1 2 3", "bundle -1 2", "bundle 1.5 2", "bundle 01 2", "bundle 1 1e3"];
const PIECE_LIES = [
  "have",
  "have 00ff",
  `have ${DIGEST.toUpperCase()}`,
  `have ${DIGEST} 1`,
  `have ../${DIGEST.slice(3)}`,
  `pieces ${DIGEST}`,
  `pieces ${DIGEST} 1`,
  `pieces ${DIGEST} -1 1`,
  `pieces ${DIGEST} 1 2 3`,
  "mirrors 1",
  "votes 1",
  `votes ${DIGEST}`,
  `votes 1 ${DIGEST} 1`,
];
for (const lie of [...LIES, ...PIECE_LIES, "bundle 1 9999999999999999", "BUNDLE 1 2", "bundle  1 2", "a\nb"]) {
  test(`the request ${JSON.stringify(lie)} is refused`, () => void refused("E_MALFORMED", () => parseRequest(lie)));
}

for (const lie of ["", "ok", "ok ", "ok -1", "ok 1 2", "ok 1e9", "ok 9999999999999999", "yes", "none "]) {
  test(`the answer ${JSON.stringify(lie)} is refused`, () => void refused("E_MALFORMED", () => parseAnswer(lie)));
}
