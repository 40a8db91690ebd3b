// What a kill -9 costs: of what a mirror had sent, at most 16 MiB is asked for again, and the proof of the whole holds.
// tests/bench/resume.ts does the same with 512 MiB and random moments, on every runtime.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { createDownloadHome, downloadUntil, MIB, publishRandomRelease } from "../support/measured-download.ts";
import { startMirror } from "../support/mirror-process.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 48;
const MAX_REPEATED_BYTES = 16 * MIB;
// Slower than the client, so that what the mirror has sent was received.
const BYTES_PER_SECOND = 32 * MIB;

const folder = tempFolder("resume");
const { repo, root, sha256 } = publishRandomRelease(folder, MEBIBYTES);
const mirror = await startMirror(repo, { bytesPerSecond: BYTES_PER_SECOND });
after(() => mirror.stop());

test("killed three times, a download asks for at most 16 MiB again each time and ends with the proven file", async () => {
  const [runtime] = runtimes().filter(({ name }) => name === "deno2");
  assert.ok(runtime !== undefined);
  const home = createDownloadHome(folder, runtime, [mirror.url], root);
  let again = 0;
  for (const moment of [10, 25, 40, Infinity]) {
    const { code, repeatedBytes, report } = await downloadUntil(home, mirror, moment * MIB);
    assert.ok(repeatedBytes <= MAX_REPEATED_BYTES, `${repeatedBytes / MIB} MiB again`);
    again += repeatedBytes;
    if (moment !== Infinity) assert.equal(code, null, "it ended before it was killed");
    else assert.equal(report().sha256, sha256);
  }
  assert.equal(createHash("sha256").update(readFileSync(home.file)).digest("hex"), sha256);
  // A run that began from nothing would have repeated all that came before.
  assert.ok(again < (10 + 25 + 40) * MIB / 2, `${again / MIB} MiB again in all`);
});
