// Governors vote on their own nodes; the network carries it, and every node lists it, now and after a restart.
// docs/governance.md, "Votes by gossip".
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { startLyingMirror } from "../support/lying-mirror.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";
import { filesOf, json, succeed } from "./network.ts";

const folder = tempFolder("votes-by-gossip");
const mirror = await startLyingMirror();
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
  await mirror.close();
  rmSync(folder, { recursive: true, force: true });
});
const governed = createGovernedRepository(folder);
mirror.serve(filesOf(governed.repo));

let count = 0;

/** A home that has seen all that is published. */
async function newHome(): Promise<string> {
  const home = join(folder, `home-${count++}`);
  await succeed(["init", "--repo", mirror.url, "--root", governed.root, "--home", home]);
  await succeed(["check", "--home", home]);
  return home;
}

interface Daemon extends Running {
  readonly address: string;
}

async function start(home: string, ...args: readonly string[]): Promise<Daemon> {
  const daemon = startDchat(["daemon", "--home", home, "--listen", `/ip4/127.82.0.${++count}/tcp/0`, ...args]);
  running.add(daemon);
  await until("it listens", () => /listening on (\S+)/.test(daemon.said()) || daemon.child.exitCode !== null);
  return { ...daemon, address: /listening on (\S+)/.exec(daemon.said())?.[1] ?? "" };
}

async function kill(daemon: Daemon): Promise<void> {
  daemon.child.kill("SIGKILL");
  await daemon.outcome;
  running.delete(daemon);
}

/** Weight and status of certificate 2 in a home. */
async function second(home: string): Promise<[number, string] | undefined> {
  const { certificates } = await json(["governance", "list", "--home", home]);
  const found = certificates.find((c: { sequence: number }) => c.sequence === 2);
  return found === undefined ? undefined : [found.weight, found.status];
}

const shows = (home: string, weight: number, status: string) =>
  until(`${home} shows ${weight} ${status}`, async () => {
    const [w, s] = await second(home) ?? [];
    return w === weight && s === status;
  });

test("a vote cast in a home is handed over by its node, reaches all, completes, and survives what dies", async () => {
  const [alice, bob, carol] = [await newHome(), await newHome(), await newHome()];
  const first = await start(alice);
  const relay = await start(bob, "--peer", first.address);
  await until("they are connected", () => relay.said().includes("connected"));

  // Alice proposes to cancel what is approved, and votes for it.
  const cancel = ["cancel", "1", "--current-height", "100", "--home", alice];
  const proposed = await succeed(["governance", ...cancel, "--key", governed.governor("a")]);
  assert.match(proposed.stdout, /the node of this home hands it to its peers/);
  await shows(bob, 40, "voting");
  assert.match(relay.said(), /1 new votes of governors are stored/);

  // Bob's node dies with what it heard, and is there again; Carol joins while Alice's is away.
  await kill(relay);
  await kill(first);
  const again = await start(bob);
  const late = await start(carol, "--peer", again.address);
  await shows(carol, 40, "voting");

  // Carol votes too: that makes 70 of 100, and the cancellation is in force at Bob's as well.
  const voted = await json(["governance", "vote", "--sequence", "2", "--home", carol, "--key", governed.governor("b")]);
  assert.equal(voted.handedToNode, true);
  for (const home of [carol, bob]) await shows(home, 70, "effective");
  await kill(late);
  await kill(again);
  const alone = await json(["governance", "vote", "--sequence", "2", "--home", carol, "--key", governed.governor("c")]);
  assert.equal(alone.handedToNode, false);
  assert.deepEqual(await second(carol), [100, "effective"]);
});
