import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Certificate } from "../../../src/trust/certificate.ts";
import type { TrustState } from "../../../src/trust/client.ts";
import {
  approvedUpgrades,
  contestedErrors,
  missingCertificates,
  nextHead,
  scheduledCertificates,
  switchObstacles,
} from "../../../src/trust/effect.ts";
import { evidenceOf, judgementOf, learnCertificate, recordSeen } from "../../../src/trust/schedule.ts";
import {
  activation,
  cancellation,
  createGovernedNetwork,
  governorKey,
  learnt,
  learntAll,
  signed,
  signedBy,
} from "../../support/governed-network.ts";
import { refused } from "../../support/refused.ts";
import type { MutableObject } from "../../support/signed-file.ts";

const network = createGovernedNetwork();
const fresh = network.state();
const head = (s: TrustState) => judgementOf(s).head;
const statuses = (s: TrustState) =>
  scheduledCertificates(s).map((x) => `${x.placed.certificate.body.sequence} ${x.status}`);
const heights = (s: TrustState) =>
  approvedUpgrades(s).map((u) => [u.activation.version, u.activation.activationHeight]);

/** The next certificate of a line, signed by three of four. */
const next = (prev: Certificate | undefined, fields: MutableObject = {}) =>
  signed(activation(prev, fields), "a", "b", "c");
const first = next(undefined);
const second = next(first, { version: "1.1.0", activation_height: 2000 });
const cancelFirst = signed(cancellation(first, [1]), "a", "b", "c");

describe("votes", () => {
  test("add up, in whatever order and however often they come, until the quorum is reached", () => {
    const body = activation(undefined);
    let state = fresh;
    for (
      const [name, outcome] of [["b", "vote"], ["b", "known"], ["d", "vote"], ["a", "complete"], ["c", "vote"]] as const
    ) {
      const taken = learnCertificate(state, signed(body, name));
      assert.equal(taken.outcome, outcome, name);
      state = taken.state;
    }
    assert.deepEqual([head(state), heights(state)], [1, [["1.0.0", 1000]]]);
  });

  test("need the quorum of the upgrade type: a hard fork two thirds", () => {
    const fork = (...names: string[]) =>
      signed(activation(undefined, { upgrade_type: "hard-fork", switch: "before", switch_from: 900 }), ...names);
    const half = signed(activation(undefined), "a", "b");
    assert.equal(head(learnt(fresh, half)), 0, "half is not more than half");
    const three = createGovernedNetwork({ seed: "three", weights: { a: 40, b: 20, c: 40 } }).state();
    assert.equal(head(learnt(three, signed(activation(undefined), "a", "b"))), 1);
    assert.equal(head(learnt(three, fork("a", "b"))), 0);
    assert.equal(head(learnt(three, fork("a", "c"))), 1);
  });

  test("of strangers and without any governor's name are ignored; a governor's that does not verify is refused", () => {
    const body = activation(undefined);
    assert.equal(learnCertificate(fresh, signed(body)).outcome, "ignored");
    assert.equal(learnCertificate(fresh, signed(body, "stranger")).outcome, "ignored");
    const forged = { ...signed(body, "a"), signatures: new Map([[governorKey("a").id, "0".repeat(128)]]) };
    refused("E_SIGNATURE", () => learnCertificate(fresh, forged));
    assert.equal(learntAll(fresh, forged), fresh);
  });

  test("are taken up to four above the head, and those of a certificate that came early count once its past is known", () => {
    const line = [first, second];
    for (let i = 3; i <= 6; i++) line.push(next(line.at(-1), { activation_height: i * 1000 }));
    const [, , third, , fifth] = line;
    assert.ok(third !== undefined && fifth !== undefined);
    assert.equal(learnCertificate(fresh, fifth).outcome, "ignored");
    const early = learnt(fresh, third, second);
    assert.equal(head(early), 0);
    assert.equal(head(learnt(early, first)), 3);
    assert.equal(head(learntAll(fresh, ...line.toReversed())), 6);
  });
});

describe("a certificate", () => {
  const wrong: Record<string, Certificate> = {
    "of another network": next(undefined, { network: "mainnet" }),
    "that names a root without governors": next(undefined, { root_version: 1 }),
    "that claims a past where there is none": next(undefined, { prev_sha256: "1".repeat(64) }),
    "with a hard fork at its height on a chain without instant finality": next(undefined, {
      upgrade_type: "hard-fork",
    }),
    "proposed within the lead time of its height": next(undefined, { proposed_height: 990 }),
  };
  for (const [name, c] of Object.entries(wrong)) {
    test(`${name} is refused`, () => {
      refused("E_CERTIFICATE", () => learnCertificate(fresh, c));
      assert.equal(head(learntAll(fresh, c)), 0);
    });
  }

  test("of a root that is not known yet is ignored, not refused", () => {
    assert.equal(learnCertificate(fresh, next(undefined, { root_version: 3 })).outcome, "ignored");
  });

  const afterFirst = learnt(fresh, first);
  const wrongSecond: Record<string, Certificate> = {
    "with a height that is not above the live one's": next(first, { activation_height: 1000, version: "1.1.0" }),
    "that replaces what is not there": next(first, { sequence: 2, replaces: [1], prev_sha256: "2".repeat(64) }),
    "that skips a sequence": next(first, { sequence: 3, version: "1.1.0", activation_height: 2000 }),
  };
  for (const [name, c] of Object.entries(wrongSecond)) {
    test(`${name} does not come into force`, () => assert.equal(head(learntAll(afterFirst, c)), 1));
  }

  test("may have a lower height when it replaces what is in its way", () => {
    const earlier = next(first, { version: "1.0.1", activation_height: 500, replaces: [1] });
    const state = learnt(afterFirst, earlier);
    assert.deepEqual(statuses(state), ["1 replaced", "2 effective"]);
    assert.deepEqual(heights(state), [["1.0.1", 500]]);
  });

  test("with a hard fork at its height is fine where finality is instant", () => {
    const instant = createGovernedNetwork({ seed: "instant", finality: "instant" }).state();
    assert.equal(head(learnt(instant, next(undefined, { upgrade_type: "hard-fork" }))), 1);
  });
});

describe("a cancellation", () => {
  test("takes the effect, and what was cancelled cannot be named again, nor come back by being sent again", () => {
    const state = learnt(fresh, first, cancelFirst);
    assert.deepEqual(statuses(state), ["1 cancelled", "2 effective"]);
    assert.deepEqual(heights(state), []);
    assert.deepEqual(heights(learnt(state, first)), []);
    refused("E_CERTIFICATE", () => learnCertificate(state, signed(cancellation(cancelFirst, [1]), "a", "b", "c")));
    const again = next(cancelFirst, { activation_height: 800 });
    assert.deepEqual(heights(learnt(state, again)), [["1.0.0", 800]]);
  });

  test("of a cancellation brings back what that one took", () => {
    const state = learnt(fresh, first, cancelFirst, signed(cancellation(cancelFirst, [2]), "a", "b", "c"));
    assert.deepEqual(statuses(state), ["1 effective", "2 cancelled", "3 effective"]);
  });

  test("of a cancellation is refused where what comes back would stand in the way of what was approved since", () => {
    const lower = next(cancelFirst, { version: "0.9.0", activation_height: 900 });
    const state = learnt(fresh, first, cancelFirst, lower);
    assert.deepEqual(heights(state), [["0.9.0", 900]]);
    const back = signed(cancellation(lower, [2]), "a", "b", "c");
    refused("E_CERTIFICATE", () => learnCertificate(state, back));
    // Brought back and taken again, it is no more in the way.
    const again = signed(cancellation(cancelFirst, [2]), "a", "b", "c");
    const taken = signed(cancellation(again, [1]), "a", "b", "c");
    const low = next(taken, { version: "0.9.0", activation_height: 900 });
    assert.deepEqual(heights(learnt(fresh, first, cancelFirst, again, taken, low)), [["0.9.0", 900]]);
  });

  test("and a replacement need the quorum of what they name", () => {
    const weights = { a: 40, b: 20, c: 40 };
    const start = createGovernedNetwork({ seed: "quorum", weights }).state();
    const fork = signed(
      activation(undefined, { upgrade_type: "hard-fork", switch: "before", switch_from: 900 }),
      "a",
      "c",
    );
    const state = learnt(start, fork);
    assert.equal(head(learnt(state, signed(cancellation(fork, [1]), "a", "b"))), 1);
    assert.equal(head(learnt(state, signed(cancellation(fork, [1]), "a", "c"))), 2);
    const patch = activation(fork, { upgrade_type: "security-patch", version: "1.0.1", replaces: [1] });
    assert.equal(head(learnt(state, signed(patch, "a", "b"))), 1);
    assert.equal(head(learnt(state, signed(patch, "a", "b", "c"))), 2);
  });
});

describe("lead time", () => {
  // Ten blocks of lead: certificate 1 has to be complete before block 990.
  test("is judged by the height at which this node saw it complete; who joined later takes it for in time", () => {
    for (const [height, status] of [[989, "effective"], [990, "too-late"], [null, "effective"]] as const) {
      assert.deepEqual(statuses(recordSeen(learnt(fresh, first), height)), [`1 ${status}`], String(height));
    }
  });

  test("is judged by the first sight, which stays", () => {
    const seen = recordSeen(learnt(fresh, first), 100);
    assert.deepEqual(statuses(recordSeen(seen, 5000)), ["1 effective"]);
  });

  test("counts for a cancellation by the height of what it cancels", () => {
    const before = recordSeen(learnt(fresh, first), 100);
    assert.deepEqual(statuses(recordSeen(learnt(before, cancelFirst), 989)), ["1 cancelled", "2 effective"]);
    assert.deepEqual(statuses(recordSeen(learnt(before, cancelFirst), 990)), ["1 effective", "2 too-late"]);
  });

  test("of a late replacement: the old one takes effect at its height, the new one at its own", () => {
    const before = recordSeen(learnt(fresh, first), 100);
    const later = next(first, { version: "1.1.0", activation_height: 3000, replaces: [1] });
    assert.deepEqual(heights(recordSeen(learnt(before, later), 995)), [["1.0.0", 1000], ["1.1.0", 3000]]);
  });

  test("ends with the expiry, where that is earlier", () => {
    const short = next(undefined, { expires_height: 500 });
    assert.deepEqual(statuses(recordSeen(learnt(fresh, short), 499)), ["1 effective"]);
    assert.deepEqual(statuses(recordSeen(learnt(fresh, short), 500)), ["1 too-late"]);
  });
});

describe("two certificates of one sequence", () => {
  const rival = next(undefined, { version: "1.0.1" });

  test("signed by one governor are evidence against his key, and his votes count", () => {
    const state = learnt(
      fresh,
      signed(activation(undefined), "a"),
      signed(activation(undefined, { version: "1.0.1" }), "a", "b"),
    );
    assert.deepEqual(evidenceOf(state).map((e) => [e.keyId, e.sequence]), [[governorKey("a").id, 1]]);
    assert.equal(head(learnt(state, signed(activation(undefined, { version: "1.0.1" }), "c"))), 1);
  });

  test("are none when the first had expired before the second was proposed", () => {
    const expired = signed(activation(undefined, { expires_height: 50 }), "a", "b");
    const again = next(undefined, { proposed_height: 50 });
    const state = learnt(fresh, expired, again);
    assert.deepEqual(evidenceOf(state), []);
    assert.deepEqual(
      statuses(learnt(state, signed(activation(undefined, { expires_height: 50 }), "d"))),
      [
        "1 contested",
        "1 effective",
      ].sort(),
    );
  });

  test("that are both complete: neither takes effect, in whatever order they come, and the evidence names who signed both", () => {
    for (const order of [[first, rival], [rival, first]]) {
      const state = learnt(fresh, ...order);
      assert.deepEqual(statuses(state), ["1 contested", "1 contested"]);
      assert.deepEqual(heights(state), []);
      assert.deepEqual(contestedErrors(state).map((e) => e.code), ["E_CONTESTED"]);
      assert.deepEqual(evidenceOf(state).map((e) => e.keyId), ["a", "b", "c"].map((n) => governorKey(n).id).sort());
    }
  });

  test("leave the next one to be built on either; it takes effect", () => {
    for (const prev of [first, rival]) {
      const after = next(prev, { version: "2.0.0", activation_height: 3000 });
      assert.deepEqual(heights(learnt(fresh, first, rival, after)), [["2.0.0", 3000]]);
    }
  });

  test("a rival that was complete too late contests nothing here", () => {
    const state = recordSeen(learnt(recordSeen(learnt(fresh, first), 100), rival), 995);
    assert.deepEqual(heights(state), [["1.0.0", 1000]]);
  });

  test("a cancellation that is contested still stops what it cancels", () => {
    const other = signed(cancellation(first, [1], { title: "again" }), "a", "b", "d");
    const state = learnt(fresh, first, cancelFirst, other);
    assert.deepEqual(heights(state), []);
  });
});

describe("the head that the snapshot names", () => {
  const named = (c: Certificate, rivals?: Certificate[]) => {
    const ref = (x: Certificate) => ({ sequence: x.body.sequence, sha256: x.sha256 });
    network.nameHead({ ...ref(c), ...(rivals === undefined ? {} : { rivals: rivals.map(ref) }) });
    return network.state();
  };

  test("stops switching while this node has less, and not when it has more", () => {
    const state = named(second);
    assert.deepEqual(switchObstacles(state).map((e) => e.code), ["E_WITHHELD"]);
    assert.deepEqual(switchObstacles(learnt(state, first)).map((e) => e.code), ["E_WITHHELD"]);
    assert.deepEqual(switchObstacles(learnt(state, first, second)), []);
    const third = next(second, { version: "1.2.0", activation_height: 3000 });
    assert.deepEqual(switchObstacles(learnt(state, first, second, third)), []);
  });

  test("stops switching when this node has another certificate of that sequence, or lacks a rival", () => {
    const rival = next(first, { version: "1.1.1", activation_height: 2000 });
    assert.deepEqual(switchObstacles(learnt(named(rival), first, second)).map((e) => e.code), ["E_WITHHELD"]);
    const both = named(second, [rival]);
    assert.equal(missingCertificates(learnt(both, first, second)).length, 1);
    assert.deepEqual(switchObstacles(learnt(both, first, second, rival)), []);
    assert.deepEqual(nextHead(learnt(both, first, second, rival))?.rivals, [{ sequence: 2, sha256: rival.sha256 }]);
  });

  test("that does not read stops switching too", () => {
    for (const field of [1, {}, { sequence: 1, sha256: "x" }, { sequence: 0, sha256: first.sha256 }]) {
      network.nameHead(field);
      assert.deepEqual(switchObstacles(network.state()).map((e) => e.code), ["E_MALFORMED"]);
    }
  });

  test("is the tip of the line that goes on from the last one", () => {
    const rival = next(first, { version: "1.1.1", activation_height: 2000 });
    for (const c of [second, rival]) {
      assert.equal(nextHead(learnt(named(c), first, second, rival))?.sha256, c.sha256);
    }
  });
});

test("without governors there is no schedule, and no obstacle", () => {
  const lone = createGovernedNetwork({ seed: "lone" });
  lone.repo.draft("root")["x-dchat"] = { network: "testnet" };
  lone.repo.publishRoot();
  assert.deepEqual(switchObstacles(lone.state()), []);
  lone.repo.draft("root")["x-dchat"] = 5;
  lone.repo.publishRoot();
  assert.deepEqual(switchObstacles(lone.state()).map((e) => e.code), ["E_NOT_GOVERNED"]);
});

test("a key that signs without end costs a few bodies a sequence", () => {
  let state = fresh;
  for (let i = 0; i < 50; i++) {
    state = learnt(state, signedBy(activation(undefined, { title: `flood ${i}` }), governorKey("d")));
  }
  assert.equal(state.schedule.certificates.size, 2);
});
