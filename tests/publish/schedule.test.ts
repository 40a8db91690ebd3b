// The schedule from a governor's first vote to a reader's state: what publish, refresh, merge, prune and rotate-root do.
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { applyBundle, applySchedule, readBundle } from "../../src/trust/bundle.ts";
import type { TrustState } from "../../src/trust/client.ts";
import { approvedUpgrades, missingCertificates, scheduleHead, switchObstacles } from "../../src/trust/effect.ts";
import { readXDchat } from "../../src/trust/x-dchat.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import { type Files, pinned, readAll } from "./reader.ts";

const CHAIN = "--chain-kind evm --chain-genesis 0xabc --chain-finality depth:12 --min-lead-blocks 10";

/** A published release 1.0.0, root key r, online key k, governors g1 (40), g2 (30) and g3 (30). */
async function governed(options = ""): Promise<Maintainer> {
  const m = createMaintainer();
  for (const name of ["r", "k", "g1", "g2", "g3", "x1"]) await m.keygen(name);
  const governors = "--governor g1.pub:40 --governor g2.pub:30 --governor g3.pub:30";
  await m.run(`init repo --network testnet --root-key r.pem --key k.pem ${governors} ${CHAIN} ${options}`);
  await m.file("dchat");
  await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
  await m.run("publish repo --key k.pem --key x1.pem");
  return m;
}

const propose = (m: Maintainer, height: number, more = "") =>
  m.run(`governance propose --repo repo --version 1.0.0 --height ${height} --current-height 100 ${more}`);

/** Whoever starts from the first root with the bundle. */
async function reader(m: Maintainer): Promise<{ state: TrustState; files: Files }> {
  const files = await publishedFiles(m.path("repo"));
  const bundle = readBundle(files.get("bundle.json") ?? assert.fail("no bundle"));
  const state = applySchedule(applyBundle(pinned(files), bundle, { nowMs: m.nowMs, expired: "refuse" }), bundle);
  return { state, files };
}

const upgrades = (s: TrustState) =>
  approvedUpgrades(s).map((u) => [u.activation.version, u.activation.activationHeight]);

describe("the schedule", () => {
  test("is published once the quorum is reached, in schedule/, in the bundle and named by the snapshot", async () => {
    await using m = await governed();
    await propose(m, 1000, "--output p.json");
    const one = await m.run("governance vote p.json --repo repo --key g1.pem");
    assert.deepEqual([one.json.certificate.status, one.json.certificate.missingWeight], ["voting", 11]);
    const before = await m.run("publish repo --key k.pem");
    assert.deepEqual([before.json.scheduleHead, before.json.written], [null, []]);
    await m.run("governance vote p.json --repo repo --key g2.pem");
    const published = await m.run("publish repo --key k.pem");
    assert.equal(published.json.scheduleHead, 1);
    assert.equal(published.json.written[0], "schedule/1.json");
    const { state, files } = await reader(m);
    assert.deepEqual(upgrades(state), [["1.0.0", 1000]]);
    assert.deepEqual(switchObstacles(state), []);
    assert.deepEqual(missingCertificates(readAll(pinned(files), files, m.nowMs)).map((c) => c.sequence), [1]);
    assert.deepEqual(await readdir(m.path("repo", "staging", "schedule")), []);
    assert.deepEqual((await m.run("publish repo --key k.pem")).json.written, []);
  });

  test("goes with a refresh, and is not named without the snapshot's key: then a warning says so", async () => {
    await using m = await governed("--timestamp-key x1.pem");
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    const behind = await m.run("refresh repo --key x1.pem");
    assert.equal(behind.json.scheduleIsBehind, true);
    assert.match(behind.notes, /names an older schedule/);
    assert.equal(scheduleHead((await reader(m)).state), undefined);
    const named = await m.run("refresh repo --key x1.pem --key k.pem");
    assert.deepEqual([named.json.scheduleIsBehind, named.json.scheduleHead], [false, 1]);
    assert.equal(scheduleHead((await reader(m)).state)?.sequence, 1);
  });

  test("needs the snapshot's key to be published, where nothing else is", async () => {
    await using m = await governed("--timestamp-key x1.pem");
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    await assert.rejects(m.run("publish repo --key x1.pem"), fails("E_THRESHOLD", "snapshot 2"));
  });

  test("is merged from copies: each governor votes on his own", async () => {
    await using m = await governed();
    await propose(m, 1000, "--output p.json");
    for (const name of ["g1", "g2"]) {
      await cp(m.path("repo"), m.path(`copy-${name}`), { recursive: true });
      await m.run(`governance vote p.json --repo copy-${name} --key ${name}.pem --output ${name}.json`);
    }
    const merged = await m.run("merge repo copy-g1 copy-g2");
    assert.equal(merged.json.certificates.length, 1);
    assert.deepEqual((await m.run("merge repo copy-g1")).json.certificates, []);
    assert.equal((await m.run("publish repo --key k.pem")).json.scheduleHead, 1);
  });

  test("outlives pruning: releases leave, certificates stay", async () => {
    await using m = await governed();
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    await m.run("publish repo --key k.pem");
    await m.run("add repo --version 2.0.0 --platform linux-x64", await m.file("two"));
    await m.run("prune repo --version 1.0.0");
    await m.run("publish repo --key k.pem");
    m.nowMs += 1000;
    await m.run("prune repo --grace-hours 0");
    assert.deepEqual(await readdir(m.path("repo", "schedule")), ["1.json"]);
    assert.deepEqual(upgrades((await reader(m)).state), [["1.0.0", 1000]]);
  });

  test("keeps what former governors approved: the new ones begin behind it", async () => {
    await using m = await governed();
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    await m.run("publish repo --key k.pem");
    await m.run("rotate-root repo --root-key r.pem --governor x1.pub:1");
    await m.run("publish repo --key k.pem");
    const { state } = await reader(m);
    assert.equal(readXDchat(state.root.signed).governance?.firstSequence, 2);
    assert.deepEqual(upgrades(state), [["1.0.0", 1000]]);
    await assert.rejects(propose(m, 2000, "--key g1.pem"), fails("E_UNTRUSTED_KEY"));
    await m.run("governance cancel 1 --repo repo --current-height 200 --key x1.pem");
    await m.run("refresh repo --key k.pem");
    assert.deepEqual(upgrades((await reader(m)).state), []);
  });

  test("is voided from where a root says so, and named anew", async () => {
    await using m = await governed();
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    await m.run("publish repo --key k.pem");
    await m.run("rotate-root repo --root-key r.pem --governor x1.pub:1 --first-sequence 1");
    await m.run("publish repo --key k.pem");
    const { state } = await reader(m);
    assert.deepEqual([upgrades(state), switchObstacles(state), scheduleHead(state)], [[], [], undefined]);
  });

  test("that lost a file, or holds one that is damaged, stops the publication with its name", async () => {
    await using m = await governed();
    await propose(m, 1000, "--key g1.pem --key g2.pem");
    await m.run("publish repo --key k.pem");
    const file = m.path("repo", "schedule", "1.json"), bytes = await readFile(file);
    await rm(file);
    await assert.rejects(m.run("refresh repo --key k.pem"), fails("E_ABSENT", "certificate 1"));
    await writeFile(file, bytes.subarray(1));
    await assert.rejects(m.run("refresh repo --key k.pem"), fails("E_MALFORMED", "schedule/1.json"));
    await writeFile(file, bytes);
    await m.run("refresh repo --key k.pem");
  });
});
