// Upgrade after upgrade on nodes under run, in small; tests/bench/upgrades.ts is the same with ten nodes and twenty.
// docs/performance.md, "Upgrades in a row".
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, test } from "node:test";
import { tempFolder } from "../support/temp-folder.ts";
import { upgradesInARow } from "../support/upgrades-in-a-row.ts";

const folder = tempFolder("upgrades");
after(() => rmSync(folder, { recursive: true, force: true }));

test("three nodes make three upgrades at the first answer of their chains that says so, none before", async () => {
  const { switches } = await upgradesInARow({ folder, nodes: 3, upgrades: 3, pollSeconds: 0.5 });
  assert.equal(switches.length, 9);
  for (const s of switches) {
    const what = JSON.stringify(s);
    assert.ok(s.delayMs >= 0, what);
    assert.equal(s.polls, 1, what);
    // Much more than is measured, because tests run beside others.
    assert.ok(s.downtimeMs < 5000, what);
  }
});
