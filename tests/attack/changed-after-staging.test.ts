// The lie: what was installed and proven is exchanged afterwards, before its height comes. It must not be started, and
// the node must not be lost by it: what runs goes on, unless it would fork.
import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createNetwork, succeed } from "../cli/network.ts";
import { createGovernedNodes, type GovernedNode } from "../support/governed-node.ts";
import { nodeProgram } from "../support/node-program.ts";
import { sha256 } from "../support/signed-file.ts";
import { until } from "../support/until.ts";

const network = await createNetwork();
const soft = await createGovernedNodes(network, {
  kind: "evm",
  finality: "instant",
  upgrades: [{ version: "2.0.0", height: 120 }],
});
const hard = await createGovernedNodes(network, {
  kind: "evm",
  finality: "instant",
  upgrades: [{ version: "2.0.0", height: 120, type: "hard-fork", how: ["--switch", "before", "--switch-from", "110"] }],
});

/** Runs, and says that it is what it is not. */
const EVIL = nodeProgram("6.6.6");

/** How the files of a version are exchanged. */
const CHANGES: Readonly<Record<string, (folder: string, program: string) => void>> = {
  "other bytes": (_, program) => {
    chmodSync(program, 0o755);
    writeFileSync(program, EVIL);
  },
  "other bytes, and a record that fits them": (folder, program) => {
    chmodSync(program, 0o755);
    writeFileSync(program, EVIL);
    const file = join(folder, "staged.json"), record = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...record, length: EVIL.length, sha256: sha256(EVIL) }));
  },
  "a link to the same bytes elsewhere": (folder, program) => {
    const elsewhere = join(dirname(dirname(folder)), "elsewhere");
    copyFileSync(program, elsewhere);
    rmSync(program);
    symlinkSync(elsewhere, program);
  },
  "a second name, by which it can be written": (folder, program) => {
    linkSync(program, join(dirname(dirname(folder)), "second-name"));
  },
  "another version's folder": (folder) => {
    renameSync(folder, `${folder}-away`);
    symlinkSync(join(dirname(folder), "1.0.0"), folder);
  },
  "a folder that everybody may write to": (folder) => chmodSync(folder, 0o777),
};

const change = (s: GovernedNode, how: string) => {
  const folder = join(s.home, "versions", "2.0.0");
  CHANGES[how]?.(folder, join(folder, "dchat"));
};

for (const how of Object.keys(CHANGES)) {
  test(`${how}: it is not started, and what runs goes on and is started again when it ends`, async () => {
    await using s = await soft.create();
    const running = s.start();
    await s.answers("1.0.0");
    change(s, how);
    s.chain.apply({ produce: 50 });
    await s.seen(150);
    assert.deepEqual(s.starts(), ["1.0.0"], running.said());
    assert.match(
      running.said(),
      /2\.0\.0.* (changed since it was installed|is not ready to run|cannot be switched to)/,
    );
    assert.equal((await s.status()).current.version, "1.0.0");
    await s.end(3);
    await until("it was started again", () => s.starts().length === 2);
    await s.answers("1.0.0");
    assert.deepEqual(s.starts(), ["1.0.0", "1.0.0"]);
  });
}

test("at a hard fork what runs is stopped, because it would fork; installed again, the new version takes over", async () => {
  await using s = await hard.create();
  const running = s.start();
  await s.answers("1.0.0");
  change(s, "other bytes");
  s.chain.apply({ produce: 50 });
  await s.seen(150);
  await until("it was stopped", async () => await s.node.ask() === undefined);
  assert.deepEqual(s.starts(), ["1.0.0"], running.said());
  assert.match(running.said(), /would fork|follow another chain/);
  await s.stop(running);
  await succeed(["install", "--version", "2.0.0", ...s.at]);
  s.start();
  await s.answers("2.0.0");
  assert.deepEqual(s.starts(), ["1.0.0", "2.0.0"]);
});
