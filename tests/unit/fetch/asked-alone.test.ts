// Without a piece list, when parts of several were wrong together: each source is asked for the whole alone.
// "The download" of docs/architecture.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { createMemorySource, type MemoryBehaviour } from "../../support/memory-source.ts";

const MIB = 1 << 20;
const bytes = testBytes(2 * MIB);
/** The drip alone takes 105 s, the slow one 10 s. */
const TOO_LONG_MS = 75_000;

const mirror = (id: string, priority: number, behaviour: MemoryBehaviour) =>
  createMemorySource({ id, kind: "https", priority, bytes, behaviour });

test("one that drips is not waited for while others are left, a slow one only when nobody else was right", async () => {
  const at = createDownloadPlace(await artifactOf(bytes));
  const drip = mirror("drip", 1, { bytesPerSecond: 20_000 });
  const others = [
    mirror("vanishing", 2, { bytesPerSecond: 20 * MIB, diesAfterBytes: MIB }),
    mirror("liar", 3, { liesAt: () => true }),
    mirror("slow", 4, { bytesPerSecond: 200_000 }),
  ];
  const got = await at.download([drip, ...others], { signal: AbortSignal.timeout(TOO_LONG_MS) });
  await at.assertPlaced(bytes);
  assert.deepEqual([got.source, got.refused.map((r) => r.source)], ["slow", ["liar"]]);
  const together = at.events.find((e) => e.type === "failed" && e.error.code === "E_HASH_MISMATCH");
  assert.ok(together?.type === "failed" && together.source === "vanishing + liar", "or nobody was asked alone");
  assert.ok(drip.givenBytes < MIB, `the drip gave ${drip.givenBytes} bytes`);
  await at.remove();
});
