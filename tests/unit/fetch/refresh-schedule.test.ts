// The schedule over mirrors that withhold, forge or lag. Through refreshTrust, over mirrors in memory.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Mirror } from "../../../src/api.ts";
import { type RefreshResult, refreshTrust } from "../../../src/fetch/refresh.ts";
import { type Certificate, certificateBytes } from "../../../src/trust/certificate.ts";
import { pinRoot, type TrustState } from "../../../src/trust/client.ts";
import { scheduledCertificates, switchObstacles } from "../../../src/trust/effect.ts";
import { judgementOf } from "../../../src/trust/schedule.ts";
import { fileMirror } from "../../support/file-mirror.ts";
import { activation, cancellation, createGovernedNetwork, learnt, signed } from "../../support/governed-network.ts";
import { type Files, strictClock } from "../../support/trust-client.ts";

const network = createGovernedNetwork({ seed: "fetch" });
const by = ["a", "b", "c"];
const first = signed(activation(undefined), ...by);
const second = signed(activation(first, { version: "1.1.0", activation_height: 2000 }), ...by);
const cancel = signed(cancellation(second, [2]), ...by);
const rival = signed(activation(first, { version: "1.1.1", activation_height: 2000 }), ...by);
const ref = (c: Certificate) => ({ sequence: c.body.sequence, sha256: c.sha256 });

/** What an honest mirror serves while the snapshot names this head. */
function files(head: Certificate, line: Certificate[], rivals: Certificate[] = []): Map<string, Uint8Array> {
  network.nameHead({ ...ref(head), ...(rivals.length === 0 ? {} : { rivals: rivals.map(ref) }) });
  const served = network.repo.files();
  for (const c of line) served.set(`schedule/${c.body.sequence}.json`, certificateBytes(c));
  for (const c of rivals) served.set(`schedule/${c.body.sequence}.${c.sha256}.json`, certificateBytes(c));
  return served;
}

async function refresh(from: TrustState, ...mirrors: Mirror[]): Promise<RefreshResult & { refused: string[] }> {
  const refused: string[] = [];
  const result = await refreshTrust(from, {
    mirrors,
    schedule: true,
    clock: strictClock(network.repo.nowMs),
    prefix: "metadata/",
    signal: new AbortController().signal,
    nextRole: () => undefined,
    save: () => Promise.resolve(),
    onRefused: (mirror, e) => Promise.resolve(void refused.push(`${mirror} ${e.code}`)),
  });
  return { ...result, refused };
}

const start = () => pinRoot(network.repo.pinnedRoot);
const mirrorOf = (id: string, served: Files) => fileMirror(id, () => served);
const heads = (s: TrustState) => judgementOf(s).head;

describe("the schedule over mirrors", () => {
  test("comes whole, one request a certificate, and is not asked for again", async () => {
    const mirror = mirrorOf("m", files(cancel, [first, second, cancel]));
    const { state, scheduleError } = await refresh(start(), mirror);
    assert.deepEqual([heads(state), scheduleError, switchObstacles(state)], [3, undefined, []]);
    assert.deepEqual(mirror.asked.filter((p) => p.startsWith("schedule/")), [1, 2, 3].map((n) => `schedule/${n}.json`));
    mirror.asked.length = 0;
    await refresh(state, mirror);
    assert.deepEqual(mirror.asked.filter((p) => p.startsWith("schedule/")), []);
  });

  test("that one mirror withholds comes from another, and the first is named", async () => {
    const served = files(cancel, [first, second, cancel]);
    const holding = new Map(served);
    holding.delete("schedule/3.json");
    const { state, mirrors } = await refresh(start(), mirrorOf("withholder", holding), mirrorOf("honest", served));
    assert.equal(heads(state), 3);
    assert.deepEqual(mirrors.map((m) => `${m.mirror} ${m.status}`), ["withholder stale", "honest ok"]);
  });

  test("that every mirror withholds stops switching and nothing else", async () => {
    const served = files(cancel, [first, second]);
    const { state, scheduleError } = await refresh(start(), mirrorOf("m", served));
    assert.equal(scheduleError?.code, "E_WITHHELD");
    assert.match(scheduleError?.message ?? "", /names certificate 3, this node has those up to 2/);
    assert.deepEqual(switchObstacles(state).map((e) => e.code), ["E_WITHHELD"]);
    assert.equal(state.timestamp?.signed.version, network.repo.draft("timestamp")["version"]);
  });

  const lies: Record<string, [(c: Certificate) => Uint8Array, string]> = {
    "without signatures": [(c) => certificateBytes({ ...c, signatures: new Map() }), "E_THRESHOLD"],
    "with too few signatures": [
      (c) => certificateBytes({ ...c, signatures: new Map([...c.signatures].slice(0, 1)) }),
      "E_THRESHOLD",
    ],
    "with a forged signature": [
      (c) => certificateBytes({ ...c, signatures: new Map([...c.signatures].map(([id]) => [id, "1".repeat(128)])) }),
      "E_SIGNATURE",
    ],
    "of another sequence": [() => certificateBytes(first), "E_MALFORMED"],
    "that is not JSON": [() => new TextEncoder().encode("no"), "E_MALFORMED"],
    "that is another one of that sequence": [() => certificateBytes(rival), "E_HASH_MISMATCH"],
  };
  for (const [name, [lie, code]] of Object.entries(lies)) {
    test(`a certificate ${name} is refused (${code}), the next mirror is asked`, async () => {
      const served = files(second, [first, second]);
      const lying = new Map(served).set("schedule/2.json", lie(second));
      const { state, refused } = await refresh(start(), mirrorOf("liar", lying), mirrorOf("honest", served));
      assert.deepEqual([heads(state), refused], [2, [`liar ${code}`]]);
    });
  }

  test("a node with another certificate of that sequence learns the named one, and that it is contested", async () => {
    const known = learnt((await refresh(start(), mirrorOf("m", files(first, [first])))).state, second);
    const { state } = await refresh(known, mirrorOf("m", files(rival, [first, rival])));
    assert.deepEqual(switchObstacles(state), []);
    assert.deepEqual(scheduledCertificates(state).map((s) => s.status), ["effective", "contested", "contested"]);
  });

  test("a node on another line steps back to where the lines part", async () => {
    const onRival = signed(activation(rival, { version: "1.3.0", activation_height: 3000 }), ...by);
    const known = learnt((await refresh(start(), mirrorOf("m", files(first, [first])))).state, second);
    const { state, scheduleError } = await refresh(known, mirrorOf("m", files(onRival, [first, rival, onRival])));
    assert.deepEqual([heads(state), scheduleError], [3, undefined]);
  });

  test("rivals that the snapshot names are fetched too", async () => {
    const { state } = await refresh(start(), mirrorOf("m", files(second, [first, second], [rival])));
    assert.deepEqual(switchObstacles(state), []);
    assert.deepEqual(scheduledCertificates(state).map((s) => s.status), ["effective", "contested", "contested"]);
  });

  test("a head at 2^53-1 costs one request, and stops switching", async () => {
    network.nameHead({ sequence: Number.MAX_SAFE_INTEGER, sha256: first.sha256 });
    const mirror = mirrorOf("m", network.repo.files());
    const { state } = await refresh(start(), mirror);
    assert.deepEqual(mirror.asked.filter((p) => p.startsWith("schedule/")), ["schedule/1.json"]);
    assert.deepEqual(switchObstacles(state).map((e) => e.code), ["E_WITHHELD"]);
  });
});
