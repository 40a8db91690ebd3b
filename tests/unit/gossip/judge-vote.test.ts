// Votes on the topic: what is accepted for verifying, what is ignored, what is rejected. docs/formats.md, "Gossip".
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeVote, judgeMessage, MAX_MESSAGE_BYTES } from "../../../src/gossip/message.ts";
import { createVoteBudget } from "../../../src/gossip/vote-budget.ts";
import { decodeVotes, encodeVotes } from "../../../src/gossip/vote-exchange.ts";
import { type Certificate, certificateBytes, withSignatures } from "../../../src/trust/certificate.ts";
import type { TrustState } from "../../../src/trust/client.ts";
import { certificatesFrom, learnVotes, votesDigest } from "../../../src/trust/votes.ts";
import { activation, cancellation, createGovernedNetwork, learnt, signed } from "../../support/governed-network.ts";
import { inTime } from "../../support/in-time.ts";
import { refused } from "../../support/refused.ts";
import { strictClock } from "../../support/trust-client.ts";

const network = createGovernedNetwork({ seed: "votes" });
const fresh = network.state();
const clock = strictClock(network.repo.nowMs);
const text = (b: Uint8Array) => new TextDecoder().decode(b);
const bytes = (s: string) => new TextEncoder().encode(s);

function judge(message: Uint8Array, state: TrustState = fresh): string {
  const j = judgeMessage(state, message, clock);
  return "why" in j ? `${j.verdict} ${j.why.code}` : j.verdict;
}

const first = activation(undefined);
const vote = signed(first, "a");
const approved = signed(first, "a", "b", "c");

describe("a vote", () => {
  test("of a governor for the next certificate is one, and is known once it is learnt", () => {
    assert.equal(judge(encodeVote(vote)), "vote");
    assert.equal(judge(encodeVote(vote), learnt(fresh, vote)), "ignore E_STALE");
    assert.equal(judge(encodeVote(signed(first, "b")), learnt(fresh, vote)), "vote");
  });

  test("may come for the four sequences above the head, and for the three below it", () => {
    const at = (sequence: number) =>
      judge(encodeVote(signed(activation(undefined, { sequence, prev_sha256: "7".repeat(64) }), "a")));
    assert.deepEqual([2, 3, 4, 5].map(at), ["vote", "vote", "vote", "ignore E_STALE"]);
    assert.equal(at(Number.MAX_SAFE_INTEGER), "ignore E_STALE");
    const known = learnt(fresh, approved);
    const rival = signed(activation(undefined, { title: "another" }), "a");
    assert.equal(judge(encodeVote(rival), known), "vote", "a rival that is complete elsewhere must be heard of");
  });

  test("of a key that does not govern, or under a root that is not known, is nobody's lie", () => {
    assert.equal(judge(encodeVote(signed(first, "stranger"))), "ignore E_UNTRUSTED_KEY");
    assert.equal(judge(encodeVote(signed(activation(undefined, { root_version: 9 }), "a"))), "ignore E_CERTIFICATE");
    assert.equal(judge(encodeVote(signed(activation(undefined, { root_version: 1 }), "a"))), "ignore E_CERTIFICATE");
  });

  test("of a later version is nobody's lie, alone or among others", () => {
    const later = '{"signatures":[],"signed":{"anything":1,"spec_version":"2"}}';
    assert.equal(judge(bytes(`{"kind":"vote","certificate":${later}}`)), "ignore E_MALFORMED");
    const given = decodeVotes(bytes(`[${later},${text(certificateBytes(vote))}]`));
    assert.deepEqual(given.map((c) => c.sha256), [vote.sha256]);
  });

  test("for another network is a lie", () => {
    assert.equal(
      judge(encodeVote(signed(activation(undefined, { network: "othernet" }), "a"))),
      "reject E_CERTIFICATE",
    );
  });

  test("has one signature, no more and no less", () => {
    assert.equal(judge(encodeVote(withSignatures(vote, new Map()))), "reject E_MALFORMED");
    assert.equal(judge(encodeVote(approved)), "reject E_MALFORMED");
  });

  const genuine = text(encodeVote(vote)), certificate = text(certificateBytes(vote));
  const lies: Record<string, string> = {
    "a space": genuine.replace(":", ": "),
    "an extra field": `${genuine.slice(0, -1)},"x":1}`,
    "an extra field in the envelope": genuine.replace('{"signatures"', '{"extra":1,"signatures"'),
    "an extra field in a signature": genuine.replace('{"keyid"', '{"extra":1,"keyid"'),
    "an extra field in what is signed": genuine.replace('"signed":{', '"signed":{"aaa":1,'),
    "fields in another order": `{"certificate":${certificate},"kind":"vote"}`,
    "signed before signatures": genuine.replace(
      /"signatures":(\[.*\]),"signed":(\{.*\})\}\}$/,
      '"signed":$2,"signatures":$1}}',
    ),
    "a certificate as text": JSON.stringify({ kind: "vote", certificate }),
    "an escape that need not be": genuine.replace('"linux-x64"', '"linux\\u002dx64"').replace(
      "dchat-1",
      "dch\\u0061t-1",
    ),
    "no certificate": '{"kind":"vote"}',
    "a list": '{"kind":"vote","certificate":[]}',
    "too much": `${genuine.slice(0, -1)}${" ".repeat(MAX_MESSAGE_BYTES)}}`,
  };
  for (const [what, message] of Object.entries(lies)) {
    test(`with ${what} is a lie`, () => assert.match(judge(bytes(message)), /^reject E_(MALFORMED|TOO_LARGE)$/));
  }

  test("of the greatest size fits into a message", () => {
    const target = { length: 1, sha256: "0".repeat(64), blake3: "0".repeat(64) };
    const targets = Object.fromEntries(
      Array.from({ length: 31 }, (_, i) => [`dchat/1.0.0/dchat-1.0.0-${"x".repeat(130)}${i}`, target]),
    );
    const large = signed(activation(undefined, { targets, notes_url: "x".repeat(1000) }), "a");
    assert.ok(large.signedBytes.length > 11 * 1024, `${large.signedBytes.length}`);
    assert.equal(judge(encodeVote(large)), "vote");
  });

  test("that does not verify costs no more than its look and one verification", () => {
    const [id = "", hex = ""] = [...vote.signatures][0] ?? [];
    const forged = withSignatures(vote, new Map([[id, hex.replace(/^../, "00")]]));
    assert.equal(judge(encodeVote(forged)), "vote");
    assert.equal(learnVotes(fresh, [forged]).lie?.code, "E_SIGNATURE");
    inTime(1_000, "100 forged votes are looked at", () => {
      for (let i = 0; i < 100; i++) judge(encodeVote(forged));
    });
  });
});

describe("votes of a peer", () => {
  const second = signed(cancellation(approved, [1]), "a", "d");
  const knowing = learnt(fresh, approved, second);

  test("bring a node that joins late to the same state, in one answer, and then there is nothing to tell", () => {
    const given = decodeVotes(encodeVotes(certificatesFrom(knowing, 1)));
    const { state, lie } = learnVotes(fresh, given);
    assert.equal(lie, undefined);
    assert.equal(votesDigest(state, 1), votesDigest(knowing, 1));
    assert.notEqual(votesDigest(fresh, 1), votesDigest(knowing, 1));
  });

  test("that are a lie end at the lie: what was true before it is kept", () => {
    const [id = "", hex = ""] = [...second.signatures][0] ?? [];
    const forged = withSignatures(second, new Map([[id, hex.replace(/^../, "00")]]));
    const { learnt: taken, lie } = learnVotes(fresh, [approved, forged, second]);
    assert.deepEqual([taken.length, lie?.code], [1, "E_SIGNATURE"]);
  });

  test("are read strictly", () => {
    for (const lie of ["", "{}", "[1]", '[{"signed":{},"signatures":[]}]', `[${text(certificateBytes(vote))},`]) {
      refused("E_MALFORMED", () => decodeVotes(bytes(lie)));
    }
  });

  test("beyond five mebibytes are told in part, the lowest sequences first", () => {
    const notes_url = "x".repeat(1024);
    const many: Certificate[] = Array.from({ length: 6_000 }, () => vote);
    const large = signed(activation(undefined, { notes_url }), "a");
    const given = encodeVotes([...many, ...Array.from({ length: 4_000 }, () => large)]);
    assert.ok(given.length <= 5 << 20);
    assert.equal(decodeVotes(given)[0]?.sha256, vote.sha256);
  });
});

test("a governor is heard sixteen times at once and once a minute, and others all the while", () => {
  let nowMs = 0;
  const budget = createVoteBudget(() => nowMs);
  let taken = 0;
  for (let i = 0; i < 1_000; i++) {
    if (!budget.has("flooder")) continue;
    budget.spend("flooder");
    taken++;
  }
  assert.equal(taken, 16);
  assert.ok(budget.has("honest"));
  nowMs += 61_000;
  assert.ok(budget.has("flooder"));
  budget.spend("flooder");
  assert.ok(!budget.has("flooder"));
  for (let i = 0; i < 10_000; i++) budget.spend(`g${i}`);
  assert.ok(budget.has("honest"));
});
