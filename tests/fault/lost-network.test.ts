// A daemon that loses all its mirrors and all its peers, and whose clock jumps by years, goes on, and learns what is new
// when they are back. docs/gossip.md.
import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import { createNetwork, PLATFORM, succeed } from "../cli/network.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { createMovedClock } from "../support/moved-clock.ts";
import { until } from "../support/until.ts";

const YEARS_MS = 10 * 365 * 86_400_000;
const node = runtimes().find(({ name }) => name === "node24");
const skip = node === undefined ? "there is no Node here whose clock could be moved" : false;
const network = await createNetwork();
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

function start(args: readonly string[], o: Parameters<typeof startDchat>[1] = {}): Running {
  const daemon = startDchat(["daemon", ...args], o);
  running.add(daemon);
  return daemon;
}

async function stop(daemon: Running): Promise<void> {
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  const { code, stderr } = await daemon.outcome;
  assert.equal(code, 0, stderr);
}

const says = (daemon: Running, words: RegExp) =>
  until(`it says ${words}`, () => words.test(daemon.said())).catch((e) => {
    throw new Error(`${(e as Error).message}\n${daemon.said()}`); // until throws nothing else
  });

test(
  "without mirrors, without peers and years ahead a daemon goes on; back in its time it learns at once",
  { skip },
  async () => {
    const clock = createMovedClock(node!, network.folder); // the test is skipped without
    const old = await network.mirror(network.oldRepo), current = await network.mirror();
    const [home, peerHome] = [await network.initialised(old.url), await network.initialised(current.url)];
    await succeed(["check", "--home", home, "--platform", PLATFORM, "--no-gossip"]);
    await succeed(["check", "--home", peerHome, "--platform", PLATFORM, "--no-gossip"]);
    await succeed(["configure-auto-update", "--enabled", "--no-background-download", "--home", home]);
    await Promise.all([old.close(), current.close()]);

    const at = `/ip4/127.77.${process.pid >> 8 & 255}.${process.pid & 255}/tcp/${20_000 + process.pid % 20_000}`;
    const listen = ["--listen", "/ip4/127.77.0.1/tcp/0"];
    const daemon = start(["--home", home, ...listen, "--peer", at, "--verbose"], { runtime: clock.runtime });
    await says(daemon, /no mirror could bring anything newer/);
    await says(daemon, /cannot be reached, and is tried again/);

    clock.move(YEARS_MS);
    const peer = start(["--home", peerHome, "--listen", at]);
    await says(daemon, /gave no bundle: .*expired/);
    await stop(peer);
    await says(daemon, /disconnected: .* \(no peers\)/);
    assert.doesNotMatch(daemon.said(), /1\.0\.0/);

    clock.move(-YEARS_MS); // no metadata is too young
    const again = start(["--home", peerHome, "--listen", at]);
    await says(daemon, /proven and stored .*1\.0\.0/);
    clock.move(0);
    assert.doesNotMatch(daemon.said(), /no honest node|shut out/, "nobody is blamed for a clock");
    await stop(again);
    await says(daemon, /disconnected: .* \(no peers\)[^]*disconnected: .* \(no peers\)/);
    await stop(daemon);
  },
);

test("a machine that has slept through its check asks the mirrors when it is awake", { skip }, async () => {
  const clock = createMovedClock(node!, network.folder); // the test is skipped without
  const mirror = await network.mirror(), home = await network.initialised(mirror.url);
  const settings = ["configure-auto-update", "--enabled", "--no-background-download", "--home", home];
  await succeed(settings);
  const daemon = start(["--home", home, "--no-gossip"], { runtime: clock.runtime });
  await says(daemon, /proven and stored .*1\.0\.0/);
  const asked = mirror.questions.length;
  clock.move(27 * 3_600_000); // as a sleep looks: what measures durations stood still
  await succeed([...settings, "--check-interval", "24"]); // it looks at once, and else within a minute
  await until("it asks", () => mirror.questions.length > asked);
  clock.move(0);
  await stop(daemon);
});
