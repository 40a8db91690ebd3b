// The lie: most pieces honest, some with one bit changed, among honest mirrors at work side by side, one of which dies
// half-way. Only the wrong pieces are refused, only their giver is named, and the others bring the file.
// tests/bench/mirrors.ts does the same with 512 MiB and another seed each time, and takes the time.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { createDownloadHome, MIB, publishRandomRelease, watchDownload } from "../support/measured-download.ts";
import { startMirror } from "../support/mirror-process.ts";
import { areRefusalsRight } from "../support/right-refusals.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 48;
// Each as a whole; so slow that all of them are needed.
const limited = { bytesPerSecond: 8 * MIB };

const folder = tempFolder("altering");
const { repo, root, sha256 } = publishRandomRelease(folder, MEBIBYTES);

for (const runtime of runtimes().filter(({ name }) => name === "deno2" || name === "node20" || name === "bun1")) {
  test(`${runtime.name}: every altered piece is refused, its giver alone is named, and the file is right`, async () => {
    const [liar, ...others] = await Promise.all([
      startMirror(repo, { ...limited, alters: { seed: "some pieces", share: 0.75 } }),
      startMirror(repo, { ...limited, diesAfterBytes: MEBIBYTES * MIB / 6 }),
      startMirror(repo, limited),
      startMirror(repo, limited),
    ]);
    try {
      const urls = [liar, ...others].map(({ url }) => url);
      const home = createDownloadHome(folder, runtime, urls, root);
      const { sources, refused } = (await watchDownload(home).ended).report();
      assert.equal(createHash("sha256").update(readFileSync(home.file)).digest("hex"), sha256);
      assert.deepEqual(refused.map(({ source, code }) => [source, code]), [[liar.url, "E_HASH_MISMATCH"]]);
      for (const { id, lies } of sources) assert.equal(lies > 0, id === liar.url, `${lies} lies of ${id}`);
      const counts = await liar.counts(), lies = sources.find(({ id }) => id === liar.url)?.lies ?? 0;
      assert.ok(areRefusalsRight(lies, counts), `${lies} refused of ${JSON.stringify(counts)}`);
    } finally {
      await Promise.all([liar, ...others].map((mirror) => mirror.stop()));
    }
  });
}
