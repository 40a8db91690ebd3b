import assert from "node:assert/strict";
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withLock } from "../../../src/disk/lock.ts";
import { sweepPartials } from "../../../src/fetch/sweep-partials.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const DAY_S = 24 * 3600;
const { signal } = new AbortController();
const name = (digit: string, kind: string) => `${digit.repeat(64)}.${kind}`;

/** A folder with such files, each last written to so many days ago. */
function folderWith(files: Record<string, number>): string {
  const folder = tempFolder("sweep");
  const nowS = Date.now() / 1000;
  for (const [file, days] of Object.entries(files)) {
    const path = join(folder, file);
    writeFileSync(path, "bytes");
    utimesSync(path, nowS - days * DAY_S, nowS - days * DAY_S);
  }
  return folder;
}

test("what nobody wrote to for a month goes, with its map; what is younger stays", async () => {
  const folder = folderWith({
    [name("a", "part")]: 31,
    [name("a", "map")]: 31,
    [name("b", "map")]: 400, // its file is gone
    [name("c", "part")]: 31,
    [name("c", "map")]: 29,
    [name("d", "part")]: 1,
  });
  await sweepPartials(folder, { signal });
  assert.deepEqual(readdirSync(folder).sort(), [name("c", "map"), name("c", "part"), name("d", "part")]);
});

test("what somebody works on stays, however old it is", async () => {
  const folder = folderWith({ [name("a", "part")]: 31 });
  await withLock(join(folder, name("a", "lock")), { signal }, () => sweepPartials(folder, { signal }));
  assert.deepEqual(readdirSync(folder), [name("a", "part")]);
});

test("other files are not touched, and an absent folder is no error", async () => {
  const others = { "notes.part": 99, [`x${name("a", "part")}`]: 99, [name("A", "part")]: 99, [name("a", "parts")]: 99 };
  const folder = folderWith(others);
  mkdirSync(join(folder, name("f", "part")));
  utimesSync(join(folder, name("f", "part")), 1, 1);
  await sweepPartials(folder, { signal });
  assert.deepEqual(readdirSync(folder).sort(), [...Object.keys(others), name("f", "part")].sort());
  await sweepPartials(join(folder, "absent"), { signal });
});
