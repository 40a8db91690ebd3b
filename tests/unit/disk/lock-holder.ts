// A process for the lock tests: `lock-holder.ts LOCK hold` takes the lock, says "locked" and keeps it until its input
// ends; `lock-holder.ts LOCK count FILE TIMES` adds one to a number in a file under the lock, again and again.

import { readFile, writeFile } from "node:fs/promises";
import { withLock } from "../../../src/disk/lock.ts";

const [lockFile = "", job, counterFile = "", times = "0"] = process.argv.slice(2);
const signal = new AbortController().signal;

if (job === "hold") {
  await withLock(lockFile, { signal }, async () => {
    console.log("locked");
    for await (const _ of process.stdin); // until the test closes it, or kills us
  });
} else {
  for (let i = 0; i < Number(times); i++) {
    await withLock(lockFile, { signal, waitMs: 60_000 }, async () => {
      const n = Number(await readFile(counterFile, "utf8"));
      await writeFile(counterFile, String(n + 1));
    });
  }
  console.log("done");
}
