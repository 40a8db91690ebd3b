// A program that prints a height: believed like an RPC, bounded in time and output, and gone when it is given up.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createCommandAdapter } from "../../../src/chain/command.ts";
import type { Finality } from "../../../src/trust/x-dchat.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const { signal } = new AbortController();
const env = { PATH: process.env["PATH"] };
const adapter = (command: string, finality: Finality = "instant", timeLimitMs = 10_000) =>
  createCommandAdapter({ command, chain: { kind: "tangle", genesis: "g1", finality }, env, timeLimitMs });
const read = (...a: Parameters<typeof adapter>) => adapter(...a).read({ signal });

test("a bare number is a height, of a chain without a name", async () => {
  assert.deepEqual(await read("echo 120"), {
    genesis: undefined,
    latest: 120,
    finalized: 120,
    hash: undefined,
    isSyncing: false,
  });
});

test("the depth is taken off; a tag is the command's to respect", async () => {
  const depth = await read("echo 120", { depth: 12 });
  assert.deepEqual([depth.latest, depth.finalized], [120, 108]);
  assert.equal((await read("echo 120", { tag: "finalized" })).finalized, 120);
  assert.equal((await read("echo 5", { depth: 12 })).finalized, 0);
});

test("a document can say more, and the command is told which chain is meant", async () => {
  const said = `printf '{"height":"%s","genesis":"%s","syncing":true,"more":1.5}' 9 "$DCHAT_CHAIN_GENESIS"`;
  const { genesis, finalized, isSyncing } = await read(said);
  assert.deepEqual([genesis, finalized, isSyncing], ["g1", 9, true]);
  const told = await read(`test "$DCHAT_CHAIN_KIND $DCHAT_CHAIN_FINALITY" = "tangle depth:3" && echo 9`, { depth: 3 });
  assert.equal(told.finalized, 6);
});

test("what is no height is an error of the chain", async () => {
  const wrong = [
    "true",
    "echo",
    "echo -5",
    "echo 1.5",
    "echo 9007199254740992",
    "echo 1 2",
    "echo '{\"height\":null}'",
  ];
  for (const command of [...wrong, "echo 7; exit 3", "kill -9 $$", "no-such-program-at-all", "echo '[7]'"]) {
    await assert.rejects(read(command), fails("E_CHAIN"), command);
  }
});

test("who prints without end is stopped", async () => {
  await assert.rejects(read("yes"), fails("E_CHAIN", "printed more than"));
});

test("who prints nothing in time is stopped, with whatever the shell had started", async () => {
  const file = join(tempFolder("command"), "pid");
  await assert.rejects(read(`sleep 300 & echo $! > '${file}'; wait`, "instant", 500), fails("E_CHAIN", "no height in"));
  assert.ok(existsSync(file));
  const pid = Number(readFileSync(file, "utf8"));
  await until("what the shell had started has ended", () => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z"; // a container without an init keeps it
  } catch {
    return false;
  }
}

test("an abort ends it, and is no fault of the chain", async () => {
  const stop = new AbortController();
  const reading = adapter("sleep 300").read({ signal: stop.signal });
  stop.abort();
  await assert.rejects(reading, fails("E_INTERRUPTED"));
});
