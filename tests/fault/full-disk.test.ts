// A full disk, for real: a small tmpfs. What was there stays whole, the error says what to do, and once there is room
// the next run goes on.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { requireError, requireProvenPackages } from "../support/caught.ts";
import { heldAnswer } from "../support/held-answer.ts";
import { askedPieces, keptPieces } from "../support/kept-pieces.ts";
import { SIGNATURE_LIES } from "../support/metadata-lies/signatures.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { createReleaseRepository, nameOf } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";
import { createSmallDisks, fillDisk } from "../support/small-disk.ts";
import { until } from "../support/until.ts";

const MIB = 1 << 20;
const stage = await createStage();
const repository = createReleaseRepository({ seed: "full disk" });
const smallContent = testBytes(5 * MIB, "small");
const small = await repository.addRelease("1.0.0", { content: smallContent });
const large = await repository.addRelease("2.0.0", { content: testBytes(9 * MIB, "large") });
repository.publish();
const known = repository.files();
repository.publish();
const files = repository.files();
const download = (version: string) => ["download", "--version", version, "--platform", "linux-x64"];

const disks = createSmallDisks();
after(() => disks.remove());
const isPossible = disks.mount() !== undefined;

/** An operator whose home is on a small disk and knows the first publication. */
async function sceneOnDisk() {
  const disk = disks.mount();
  if (disk === undefined) throw new Error("the disk could be mounted a moment ago");
  const operator = await stage.operator({ pinnedRoot: repository.pinnedRoot, parent: disk });
  stage.liar.serve(known);
  await operator.succeed("check");
  stage.liar.serve(files);
  stage.honest.serve(files);
  return { disk, operator, liar: stage.liar, honest: stage.honest, digests: repository.digests };
}

if (isPossible) {
  test("an artifact for which there is no room is not even asked for", async () => {
    const { operator, liar } = await sceneOnDisk();
    requireError(await operator.run(...download("2.0.0")), "E_DISK_FULL");
    assert.equal(liar.questions.some((q) => q.path === large), false);
    assert.deepEqual(readdirSync(join(operator.home, "packages")), []);
  });

  test("a disk that fills up during a download ends it with 40, and with room again it is resumed", async () => {
    const { disk, operator, liar, digests } = await sceneOnDisk();
    await operator.succeed("check");
    const before = operator.snapshot();
    const held = heldAnswer(2 * MIB);
    liar.serve(files, { [small]: held.answer });
    const { outcome } = operator.start({}, ...download("1.0.0"));
    await until("some of it has arrived", () => keptPieces(operator.home, smallContent).length > 0);
    const makeRoom = fillDisk(disk);
    held.release();
    requireError(await outcome, "E_DISK_FULL");
    assert.ok(operator.snapshot().state === before.state, "trust/state.json was changed");
    assert.equal(operator.snapshot().packages.size, 0);

    const survived = keptPieces(operator.home, smallContent);
    makeRoom();
    liar.serve(files);
    await operator.succeed(...download("1.0.0"));
    assert.ok(survived.length > 0);
    assert.deepEqual(askedPieces(liar, small).filter((index) => survived.includes(index)), [], "asked for again");
    requireProvenPackages(operator.snapshot().packages, digests);
  });

  test("an update on a full disk ends with 40 and leaves the old state; with room again it succeeds", async () => {
    const { disk, operator } = await sceneOnDisk();
    const before = operator.snapshot();
    const makeRoom = fillDisk(disk);
    requireError(await operator.run("check"), "E_DISK_FULL");
    const after = operator.snapshot();
    assert.ok(after.state === before.state, "trust/state.json was changed");
    assert.deepEqual(after.alerts, [], "a mirror was blamed for our disk");
    makeRoom();
    await operator.succeed("check");
    assert.ok(operator.snapshot().state !== before.state);
    assert.deepEqual(readdirSync(join(operator.home, "trust")), ["state.json"], "leftovers");
  });

  test("a change of the configuration on a full disk ends with 40 and leaves the old one", async () => {
    const { disk, operator } = await sceneOnDisk();
    const config = join(operator.home, "config.json"), before = readFileSync(config, "utf8");
    const makeRoom = fillDisk(disk);
    requireError(await operator.run("add-mirror", "--url", "https://mirror.example"), "E_DISK_FULL");
    assert.equal(readFileSync(config, "utf8"), before);
    makeRoom();
    await operator.succeed("add-mirror", "--url", "https://mirror.example");
  });

  test("a full disk does not hide a lie: the alert cannot be written, and the error is still the lie's", async () => {
    const { disk, operator, liar } = await sceneOnDisk();
    const [lie] = SIGNATURE_LIES;
    assert.ok(lie !== undefined);
    const { lying } = await lie.tell();
    liar.serve(lying);
    const before = operator.snapshot();
    const makeRoom = fillDisk(disk);
    const outcome = await operator.run("check");
    assert.match(outcome.stderr, /the alert could not be written/);
    assert.equal(Math.floor((outcome.code ?? 0) / 10), 3, outcome.stderr);
    assert.ok(operator.snapshot().state === before.state, "trust/state.json was changed");
    makeRoom();
  });

  test("a daemon whose home takes nothing newer is unwell, whoever brings it, and blames nobody", async () => {
    const started: Running[] = [];
    const start = (home: string, ...args: string[]) => {
      const daemon = startDchat(["daemon", "--home", home, ...args]);
      started.push(daemon);
      return daemon;
    };
    const { disk, operator, liar } = await sceneOnDisk(), port = await freePort();
    const giver = await stage.operator({ pinnedRoot: repository.pinnedRoot });
    try {
      liar.serve(known); // nobody has anything newer yet
      await giver.succeed("check");
      const peer = start(giver.home, "--listen", "/ip4/127.77.1.1/tcp/0");
      await until("it listens", () => /listening on (\S+)/.test(peer.said()));
      const address = /listening on (\S+)/.exec(peer.said())?.[1] ?? "";
      const metrics = ["--metrics-port", String(port)], listen = ["--listen", "/ip4/127.77.1.2/tcp/0"];
      const daemon = start(operator.home, ...listen, "--peer", address, ...metrics, "--verbose");
      const health = async () => await (await fetch(`http://127.0.0.1:${port}/healthz`)).text();
      await until("they are connected", () => daemon.said().includes(" connected: "));
      assert.equal(await health(), "ok\n");

      const makeRoom = fillDisk(disk);
      liar.serve(files);
      await giver.succeed("check", "--no-gossip");
      await until("it is unwell", async () => /what is newer cannot be stored: E_DISK_FULL/.test(await health()));
      assert.match(daemon.said(), /what is newer could not be stored: no space left/);
      makeRoom();
      await operator.succeed("check", "--no-gossip");
      await until("it is well", async () => await health() === "ok\n");
      assert.doesNotMatch(daemon.said(), /no honest node|shut out/);
    } finally {
      for (const { child } of started) child.kill("SIGKILL");
      await Promise.all(started.map((x) => x.outcome));
    }
  });

  test("--output on a full disk ends with 40 and leaves nothing there; the cache has the artifact", async () => {
    const disk = disks.mount() ?? "";
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files);
    const folder = join(disk, "out");
    mkdirSync(folder);
    const makeRoom = fillDisk(disk);
    const output = join(folder, "dchat");
    requireError(await scene.operator.run(...download("1.0.0"), "--output", output), "E_DISK_FULL");
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual([...scene.operator.snapshot().packages.keys()], [nameOf("1.0.0")]);
    makeRoom();
    await scene.operator.succeed(...download("1.0.0"), "--output", output);
  });
}
