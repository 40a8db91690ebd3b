// Whole pieces from nodes of every runtime to nodes of every runtime, in each direction: a release of several mebibytes is
// announced by one and fetched from it by the others. On a runtime without the cipher of Noise, large messages once
// vanished without an error.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { platformName } from "../../src/trust/naming.ts";
import { testBytes } from "../support/artifact.ts";
import { createHonestNetwork } from "../support/honest-network.ts";
import { nameOf, PLATFORM } from "../support/release-repository.ts";
import { until } from "../support/until.ts";
import { runtimes } from "./runtimes.ts";

const content = testBytes(2 * PIECE_BYTES + 77, "pieces of all runtimes");
// Of the Node versions the oldest and the newest, as in gossip.test.ts.
const chosen = runtimes().filter(({ name }) => name !== "node22" && name !== "node24");
const skip = platformName(process.platform, process.arch) === PLATFORM ? false : `the release is for ${PLATFORM}`;

for (const giving of chosen) {
  test(`${giving.name} gives whole pieces to ${chosen.map(({ name }) => name).join(", ")}`, { skip }, async () => {
    const network = await createHonestNetwork(1, content, giving);
    after(() => network.close());
    const [giver] = network.nodes;
    assert.ok(giver !== undefined);
    const takers = await Promise.all(
      chosen.map((runtime) => network.start({ peers: [giver.address], autoUpdate: true, runtime })),
    );
    await network.tell();
    for (const [i, taker] of takers.entries()) {
      await until(`${chosen[i]?.name} has the release`, () => taker.count("downloaded") === 1);
      assert.ok(readFileSync(join(taker.home, "packages", nameOf("1.0.0"))).equals(content));
      assert.equal(taker.count("lie"), 0);
    }
    for (const node of [...takers, giver]) await node.stop();
  });
}
