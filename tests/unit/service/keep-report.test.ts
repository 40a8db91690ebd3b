// What a running node notes of itself and of its peers, and what a wrong clock must not cost. docs/formats.md, gossip/.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { homeAt } from "../../../src/config/home.ts";
import { type KnownPeer, readAllPeers, writeKnownPeers } from "../../../src/config/known-peers.ts";
import { temporaryBeside } from "../../../src/disk/atomic-file.ts";
import { keepReport } from "../../../src/service/keep-report.ts";
import { pinRoot } from "../../../src/trust/client.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NOW = Date.now(), YEAR_MS = 365 * 86_400_000;
const folder = tempFolder("keep-report");
after(() => rmSync(folder, { recursive: true, force: true }));
const state = pinRoot(createReleaseRepository({ seed: "keep report", nowMs: NOW }).pinnedRoot);

const peer = (n: number, seenMs: number): KnownPeer => ({
  address: `/ip4/203.0.113.7/tcp/${n}/p2p/12D3KooW`,
  isNamed: false,
  seenMs,
});

/** Looks at the node once, and ends. */
async function lookOnce(dir: string, ...connected: readonly number[]): Promise<void> {
  const ended = new AbortController();
  await keepReport({
    home: homeAt(dir),
    node: {
      id: "12D3KooW",
      addresses: () => [],
      connections: () => [],
      givenBytes: () => 0,
      dialled() {
        ended.abort();
        return connected.map((n) => peer(n, 0));
      },
    },
    state: () => state,
    signal: ended.signal,
    onFailure: (e) => assert.fail(e),
  });
}

for (const offMs of [YEAR_MS, -YEAR_MS]) {
  test(`a clock that is a year ${offMs > 0 ? "ahead" : "behind"} for a while costs no peer`, async (t) => {
    const home = homeAt(join(folder, `clock ${offMs}`));
    await writeKnownPeers(home, [peer(1, NOW), peer(2, NOW), peer(3, NOW)]);
    const clock = t.mock.method(Date, "now", () => NOW + offMs);
    await lookOnce(home.dir, 1, 2);
    clock.mock.mockImplementation(() => NOW + 1);
    await lookOnce(home.dir, 1);
    const known = new Map((await readAllPeers(home)).map((p) => [p.address, p.seenMs]));
    assert.deepEqual(
      known,
      new Map([[1, NOW + 1], [2, NOW + offMs], [3, NOW]].map(([n, ms]) => [peer(n!, 0).address, ms!])),
    );
  });
}

test("what a killed node left of a report that it was writing is removed, and its identity stays", async () => {
  const home = homeAt(join(folder, "killed"));
  mkdirSync(dirname(home.nodeReportFile), { recursive: true });
  const leftover = temporaryBeside(home.nodeReportFile), twoHoursAgo = new Date(NOW - 2 * 3_600_000);
  for (const file of [leftover, home.identityFile]) {
    writeFileSync(file, "x");
    utimesSync(file, twoHoursAgo, twoHoursAgo);
  }
  await lookOnce(home.dir);
  assert.deepEqual(readdirSync(dirname(leftover)), ["identity.pem"]);
});
