// Nodes of every runtime in one network: each pair, each direction of dialling, each direction of telling.
// The bundles they exchange are several kilobytes: on a runtime without the cipher of Noise, larger messages once vanished.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createNetwork, PLATFORM, succeed } from "../cli/network.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { until } from "../support/until.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const network = await createNetwork();
const old = await network.mirror(network.oldRepo), current = await network.mirror();
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

let addresses = 0;

async function start(runtime: Runtime, home: string, ...args: readonly string[]) {
  const listen = `/ip4/127.79.0.${++addresses}/tcp/0`;
  const daemon = startDchat(["daemon", "--home", home, "--listen", listen, ...args], { runtime });
  running.add(daemon);
  await until(`${runtime.name} listens`, () => /listening on (\S+)/.test(daemon.said()));
  return { ...daemon, runtime, home, address: /listening on (\S+)/.exec(daemon.said())?.[1] ?? "" };
}

type Daemon = Awaited<ReturnType<typeof start>>;

async function stop({ child, outcome, runtime }: Daemon): Promise<void> {
  process.kill(child.pid ?? 0, "SIGTERM");
  const { code, stderr } = await outcome;
  assert.equal(code, 0, `${runtime.name}: ${stderr}`);
  assert.doesNotMatch(stderr, /no honest node/, runtime.name);
}

const learnt = (d: Daemon, version: string) =>
  until(`${d.runtime.name} learns of ${version}`, () => new RegExp(`proven and stored .*${version}`).test(d.said()));

// Of the Node versions the oldest and the newest: what is between differs in nothing that is used here.
const chosen = runtimes().filter(({ name }) => name !== "node22" && name !== "node24");

for (const listening of chosen) {
  for (const dialling of chosen) {
    test(`${dialling.name} dials ${listening.name}: each hears what the other has learnt`, async () => {
      const listener = await start(listening, await network.initialised(old.url));
      const dialler = await start(dialling, await network.initialised(current.url), "--peer", listener.address);
      await until("they are connected", () => listener.said().includes("connected:"));
      await succeed(["check", "--home", listener.home, "--platform", PLATFORM]);
      await learnt(dialler, "0\\.1\\.0");
      await succeed(["check", "--home", dialler.home, "--platform", PLATFORM]);
      await learnt(listener, "1\\.0\\.0");
      await stop(dialler);
      await stop(listener);
    });
  }
}

for (const runtime of chosen) {
  test(`${runtime.name}: a node with two dozen peers writes what it has to say, and nothing else`, async () => {
    const nobody = Array.from({ length: 24 }, (_, i) => `/ip4/127.0.0.1/tcp/${i + 1}`);
    const named = nobody.flatMap((address) => ["--peer", address]);
    const node = await start(runtime, await network.initialised(current.url), "--json", ...named);
    await until("all were tried", () => nobody.every((address) => node.said().includes(`${address}"`)));
    process.kill(node.child.pid ?? 0, "SIGTERM");
    const { stderr } = await node.outcome;
    for (const line of stderr.trimEnd().split("\n")) assert.doesNotThrow(() => JSON.parse(line), line);
  });
}

test("nodes of all runtimes find each other on a link, without being told of each other", async () => {
  const daemons = [];
  for (const runtime of chosen) daemons.push(await start(runtime, await network.initialised(current.url), "--mdns"));
  const others = daemons.length - 1;
  for (const d of daemons) {
    await until(`${d.runtime.name} has found all others`, () => d.said().includes(`(${others} peers)`));
  }
  await Promise.all(daemons.map(stop));
});
