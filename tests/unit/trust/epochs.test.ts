import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pinRoot } from "../../../src/trust/client.ts";
import { scheduledCertificates } from "../../../src/trust/effect.ts";
import { epochsOf } from "../../../src/trust/epochs.ts";
import { proposeUpgrade } from "../../../src/trust/propose.ts";
import { judgementOf, learnCertificate } from "../../../src/trust/schedule.ts";
import {
  activation,
  createGovernedNetwork,
  DEFAULT_WEIGHTS,
  governorKey,
  learnt,
  learntAll,
  signed,
} from "../../support/governed-network.ts";
import { refused } from "../../support/refused.ts";

const first = signed(activation(undefined), "a", "b", "c");
const secondOf = (root: number, ...names: string[]) =>
  signed(activation(first, { version: "1.1.0", activation_height: 2000, root_version: root }), ...names);

describe("governors", () => {
  test("judge from their first sequence to that of the next, for ever", () => {
    const network = createGovernedNetwork({ seed: "for ever" });
    network.govern({ x: 1, y: 1, z: 1 }, 2);
    const state = learnt(network.state(), first, secondOf(3, "x", "y"));
    assert.equal(judgementOf(state).head, 2);
    assert.deepEqual(epochsOf(state).all.map((e) => [e.rootVersion, e.governance.firstSequence]), [[2, 1], [3, 2]]);
    // Later governors change nothing about what earlier ones approved.
    network.govern({ u: 1 }, 3);
    assert.equal(judgementOf(learnt(network.state(), first, secondOf(3, "x", "y"))).head, 2);
  });

  test("of another range do not count, nor does a root of other governors", () => {
    const network = createGovernedNetwork({ seed: "ranges" });
    network.govern({ x: 1, y: 1, z: 1 }, 2);
    const state = learnt(network.state(), first);
    assert.equal(learnCertificate(state, secondOf(3, "a", "b", "c")).outcome, "ignored");
    refused("E_CERTIFICATE", () => learnCertificate(state, secondOf(2, "x", "y", "z")));
    refused(
      "E_CERTIFICATE",
      () => learnCertificate(state, signed(activation(undefined, { root_version: 3 }), "a", "b", "c")),
    );
  });

  test("stay the same over roots that change other things", () => {
    const network = createGovernedNetwork({ seed: "other things" });
    network.repo.rotate("timestamp");
    network.repo.publish();
    assert.equal(epochsOf(network.state()).all.length, 1);
    assert.equal(judgementOf(learnt(network.state(), first, secondOf(3, "a", "b", "c"))).head, 2);
  });

  test("whose range begins again void what was approved in it: the root has the last word", () => {
    const network = createGovernedNetwork({ seed: "void" });
    const before = learnt(network.state(), first, secondOf(2, "a", "b", "c"));
    network.govern(DEFAULT_WEIGHTS, 2);
    const after = { ...network.state(), schedule: before.schedule };
    assert.equal(judgementOf(after).head, 1);
    assert.equal(judgementOf(learnt(after, secondOf(4, "a"))).head, 1);
  });

  test("of an unreadable extension govern nothing, and the next root mends it", () => {
    const network = createGovernedNetwork({ seed: "mend" });
    const good = network.repo.draft("root")["x-dchat"] ?? null;
    network.repo.draft("root")["x-dchat"] = { network: 5 };
    network.repo.publishRoot();
    assert.equal(epochsOf(network.state()).network, undefined);
    network.repo.draft("root")["x-dchat"] = good;
    network.repo.publishRoot();
    assert.equal(judgementOf(learnt(network.state(), first)).head, 1);
  });

  test("more than 256 are not read", () => {
    const weights = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`g${i}`, 1]));
    const network = createGovernedNetwork({ seed: "crowd", weights });
    assert.equal(epochsOf(network.state()).network, undefined);
  });
});

test("a rival made by keys whose range is closed is set aside where the snapshot's line has another", () => {
  const network = createGovernedNetwork({ seed: "old keys" });
  network.govern({ x: 1 }, 2);
  network.nameHead({ sequence: 1, sha256: first.sha256 });
  const stolen = signed(activation(undefined, { title: "by stolen keys" }), "a", "b", "c");
  const state = learnt(network.state(), first, stolen);
  const statuses = scheduledCertificates(state).map((s) => [s.placed.certificate.sha256, s.status]);
  assert.deepEqual(
    new Map(statuses as [string, string][]),
    new Map([[first.sha256, "effective"], [stolen.sha256, "set-aside"]]),
  );
});

test("who pinned a later root judges from its first sequence on, and takes the past before it for given", () => {
  const network = createGovernedNetwork({ seed: "late pin" });
  network.govern({ x: 1 }, 2);
  const late = { ...network.state(), ...pinRoot(network.repo.bytes("root")) };
  const state = learntAll(late, first, secondOf(3, "x"));
  assert.deepEqual([judgementOf(state).start, judgementOf(state).head], [2, 2]);
});

test("the sequence 2^53-1 is judged like any other, and nothing follows it", () => {
  const last = Number.MAX_SAFE_INTEGER;
  const network = createGovernedNetwork({ seed: "end" });
  network.govern({ x: 1 }, last);
  const state = { ...network.state(), ...pinRoot(network.repo.bytes("root")) };
  const c = signed(activation(undefined, { sequence: last, root_version: 3 }), "x");
  const end = learnt(state, c);
  assert.equal(judgementOf(end).head, last);
  const next = { proposedHeight: 1, version: "1.0.0", artifacts: [], activationHeight: 5000 };
  refused("E_CERTIFICATE", () => proposeUpgrade(end, next));
  assert.equal(governorKey("x").id.length, 64);
});
