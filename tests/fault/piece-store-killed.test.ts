// kill -9 at any moment, on every runtime: what the store said is there again, and nothing that is there is wrong.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { type Runtime, runtimes } from "../runtimes/runtimes.ts";
import { bundleHash } from "../support/bundle-hash.ts";
import { allIndexedBytes } from "../support/indexed-bytes.ts";
import { heldOf, pieceOf, STORE_HOSTS, type StorePlace, storePlace } from "../support/piece-stores.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { StoreProgramOptions } from "../support/store-program.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MIB = 1 << 20;
const KILLS = 12;
/** Pieces that a process may have in flight. */
const AT_ONCE = 4;
const bytes = allIndexedBytes(100 * MIB + 3); // more than all processes together put before they are killed
const host = STORE_HOSTS["this thread"];
assert.ok(host !== undefined);

const temp = tempFolder("killed");
const program = join(temp, "program.mjs");
writeFileSync(program, await bundleHash(new URL("../support/store-program.ts", import.meta.url), "node"));
const place = await storePlace(bytes, host);
after(() => place.remove());

/**
 * Runs a process that puts what is missing.
 * @param killAfter kill it when it has said so many pieces
 */
async function run({ fileCommand }: Runtime, at: StorePlace, seed: string, killAfter = Infinity) {
  const { artifact, partialDir } = at;
  const list = Buffer.from(at.list).toString("hex");
  const o: StoreProgramOptions = { artifact, list, partialDir, seed };
  const [command, ...args] = fileCommand(program, []);
  const child = spawn(command, args, {
    env: { ...process.env, STORE_OPTIONS: JSON.stringify(o) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  child.stdin.on("error", () => {}); // it may be gone
  child.stdin.write("\n".repeat(AT_ONCE));
  const held: number[] = [];
  let last = "";
  if (killAfter === 0) child.kill("SIGKILL");
  for await (const line of createInterface({ input: child.stdout })) {
    last = line;
    const index = /^held (\d+)$/.exec(line)?.[1];
    if (index === undefined) continue;
    held.push(Number(index));
    child.stdin.write("\n");
    if (held.length === killAfter) child.kill("SIGKILL");
  }
  await ended;
  return { held, last };
}

test(`killed ${KILLS} times at random moments, on all runtimes in turn`, { timeout: 300_000 }, async () => {
  const all = runtimes();
  const random = seededRandom("kills");
  const said = new Set<number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const runtime = all[kill % all.length]!; // there is one at least
    const killAfter = kill === 0 ? 0 : 1 + random.below(3);
    const { held } = await run(runtime, place, `order ${kill}`, killAfter);
    for (const index of held) said.add(index);

    const store = await place.open();
    const now = heldOf(store);
    await store.close();
    const lost = [...said].filter((index) => !now.includes(index));
    assert.deepEqual(lost, [], `${runtime.name} lost what it had said it has`);
    assert.ok(now.length <= said.size + AT_ONCE * (kill + 1), "more is held than was ever put");
    const part = readFileSync(place.part);
    for (const index of now) assert.ok(pieceOf(part, index).every((b) => b === pieceOf(bytes, index)[0]), `${index}`);
  }
  assert.ok(said.size < 101, "it was complete before it could be killed");
  const { last } = await run(all[0]!, place, "the rest");
  const { length, sha256, blake3 } = place.artifact;
  assert.deepEqual(JSON.parse(last), { length, sha256, blake3 });
  assert.ok(readFileSync(place.part).equals(bytes));
});

for (const runtime of runtimes()) {
  test(`${runtime.name}: the whole file in random order, and the process ends by itself`, async () => {
    const small = await storePlace(bytes.subarray(0, 20 * MIB + 7), host);
    try {
      const { held, last } = await run(runtime, small, runtime.name);
      assert.equal(new Set(held).size, 21);
      const { length, sha256, blake3 } = small.artifact;
      assert.deepEqual(JSON.parse(last), { length, sha256, blake3 });
      assert.ok(readFileSync(small.part).equals(small.bytes));
    } finally {
      await small.remove();
    }
  });
}
