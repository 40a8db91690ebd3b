// Merging what nodes know of the schedule is a union: commutative, associative, idempotent, whatever governors sign.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Certificate, certificateBytes } from "../../../src/trust/certificate.ts";
import type { TrustState } from "../../../src/trust/client.ts";
import { scheduledCertificates } from "../../../src/trust/effect.ts";
import { Field } from "../../../src/trust/fields.ts";
import { parseJson } from "../../../src/trust/json.ts";
import { evidenceOf, judgementOf, learnCertificate, recordSeen, withSchedule } from "../../../src/trust/schedule.ts";
import { readStoredSchedule, storedSchedule, unionOf, unite } from "../../../src/trust/schedule-record.ts";
import { activation, cancellation, createGovernedNetwork, signed } from "../../support/governed-network.ts";
import { type SeededRandom, seededRandom } from "../../support/seeded-random.ts";

const fresh = createGovernedNetwork({ seed: "merge" }).state();
const GOVERNORS = ["a", "b", "c", "d"];

/** Everything a node keeps and concludes, as text. */
function everything(state: TrustState): string {
  const text = (c: Certificate) => new TextDecoder().decode(certificateBytes(c));
  return JSON.stringify({
    kept: [...state.schedule.certificates.values()].map(text).sort(),
    local: [...state.schedule.local].sort(([a], [b]) => (a < b ? -1 : 1)),
    head: judgementOf(state).head,
    scheduled: scheduledCertificates(state).map((s) => [s.placed.certificate.sha256, s.status, s.by]),
    evidence: evidenceOf(state),
  });
}

const merged = (a: TrustState, b: TrustState) => withSchedule(a, b.schedule);

/** Bodies of four sequences: rivals, cancellations, expired ones, and what breaks a rule. */
function bodies(): Certificate[] {
  const one = signed(activation(undefined)), rival = signed(activation(undefined, { title: "rival" }));
  const again = signed(activation(undefined, { proposed_height: 60, title: "again" }));
  const cancel = signed(cancellation(one, [1]));
  const two = signed(activation(one, { version: "1.1.0", activation_height: 2000 }));
  const bad = signed(activation(one, { version: "1.2.0", activation_height: 900 }));
  const three = signed(activation(two, { version: "2.0.0", activation_height: 3000, replaces: [1] }));
  const other = signed(cancellation(cancel, [2], { sequence: 3 }));
  return [one, rival, again, cancel, two, bad, three, other];
}

const BODIES = bodies();
/** One vote of each governor for each body, made once: signing is what takes time. */
const VOTES = BODIES.map(({ signed: body }) => GOVERNORS.map((name) => signed(JSON.parse(JSON.stringify(body)), name)));

/** Of each sequence with three bodies a governor leaves one unsigned: another one each. */
function isThirdBody(body: number, governor: number): boolean {
  return (body < 3 && body === governor % 3) || (body >= 3 && body <= 5 && body - 3 === governor % 3);
}

/** A node that has heard some of the votes, each governor's for at most two bodies of a sequence. */
function randomState(random: SeededRandom): TrustState {
  let state = fresh;
  for (let i = random.below(24); i > 0; i--) {
    const body = random.below(VOTES.length), governor = random.below(GOVERNORS.length);
    const vote = VOTES[body]?.[governor];
    if (vote === undefined || isThirdBody(body, governor)) continue;
    try {
      state = learnCertificate(state, vote).state;
    } catch {
      continue; // what breaks a rule is not learnt
    }
  }
  return random.chance(0.5) ? recordSeen(state, random.below(2000)) : state;
}

describe("merging", () => {
  for (let round = 0; round < 40; round++) {
    test(`is commutative, associative and idempotent (${round})`, () => {
      const random = seededRandom(`merge ${round}`);
      const [a, b, c] = [randomState(random), randomState(random), randomState(random)];
      const whole = everything(merged(merged(a, b), c));
      assert.equal(everything(merged(a, merged(b, c))), whole);
      assert.equal(everything(merged(merged(c, b), a)), whole);
      assert.equal(everything(merged(merged(b, a), merged(c, a))), whole);
      const twice = merged(merged(a, b), c);
      assert.equal(everything(merged(twice, a)), whole);
      assert.equal(everything(merged(twice, twice)), whole);
    });
  }

  test("is the same as hearing all votes one by one, in any order and repeatedly", () => {
    const votes = [0, 4, 6].flatMap((i) => VOTES[i] ?? []);
    let expected: string | undefined;
    for (let round = 0; round < 20; round++) {
      const random = seededRandom(`order ${round}`);
      const order = [...votes, ...votes].sort(() => random.below(2) - 0.5);
      const state = order.reduce((s, v) => learnCertificate(s, v).state, fresh);
      // A vote that came before there was a place for it was ignored, as gossip ignores it: it comes again.
      const settled = order.reduce((s, v) => learnCertificate(s, v).state, state);
      expected ??= everything(settled);
      assert.equal(everything(settled), expected);
    }
  });

  test("a body that others vote for takes the vote of a governor who has signed two others", () => {
    const [one = [], rival = [], again = []] = VOTES;
    const [a, b, c] = [0, 1, 2];
    const flooded = [one[a], again[a], rival[b], rival[a], rival[c]].reduce(
      (state, vote) => vote === undefined ? state : learnCertificate(state, vote).state,
      fresh,
    );
    assert.equal(judgementOf(flooded).head, 1);
  });

  test("takes the smaller of two signatures of one governor, and the earlier sight; who cannot know stays so", () => {
    const c = signed(activation(undefined)),
      [x, y] = ["1", "2"].map((hex) => ({ ...c, signatures: new Map([["id", hex]]) }));
    assert.ok(x !== undefined && y !== undefined);
    for (const both of [unite(x, y), unite(y, x)]) assert.deepEqual([...both.signatures], [["id", "1"]]);
    const seen = (completeSeenHeight: number | null | undefined) => {
      const facts = completeSeenHeight === undefined ? {} : { completeSeenHeight };
      return { certificates: new Map(), local: new Map([["x", facts]]) };
    };
    for (const [a, b, earlier] of [[5, 9, 5], [5, null, null], [5, undefined, 5], [null, undefined, null]] as const) {
      for (const union of [unionOf(seen(a), seen(b)), unionOf(seen(b), seen(a))]) {
        assert.equal(union.local.get("x")?.completeSeenHeight, earlier);
      }
    }
  });

  test("survives being written and read", () => {
    const random = seededRandom("stored");
    for (let round = 0; round < 10; round++) {
      const state = randomState(random);
      const text = new TextEncoder().encode(JSON.stringify(storedSchedule(state.schedule)));
      const schedule = readStoredSchedule(new Field(parseJson(text, "stored"), "stored"));
      assert.equal(everything({ ...state, schedule }), everything(state));
    }
  });
});
