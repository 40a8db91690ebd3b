import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { deltaPath } from "../../../src/delta/delta-head.ts";
import { createDeltaSource } from "../../../src/sources/delta.ts";
import { fetchHttpsDelta } from "../../../src/sources/https-delta.ts";
import { targetUrlPath } from "../../support/artifact.ts";
import { startArtifactServer } from "../../support/artifact-server.ts";
import { testDelta } from "../../support/deltas.ts";
import { fails } from "../../support/fails.ts";
import { collect } from "../../support/source-suite.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("a delta at an HTTPS mirror", { timeout: 60_000 }, () => {
  const closing = createClosing();
  let packagesDir: string;
  let d: Awaited<ReturnType<typeof testDelta>>;
  before(async () => {
    packagesDir = await mkdtemp(join(tmpdir(), "dchat-delta-"));
    d = await testDelta();
    await writeFile(join(packagesDir, "dchat-1.0.0-linux-x64"), d.base);
  });
  after(async () => {
    await closing.closeAll();
    await rm(packagesDir, { recursive: true, force: true });
  });

  /** A reader of the mirror that has these files. */
  async function readerOf(files: [string, Uint8Array][], o: { ranges?: boolean } = {}, template = "") {
    const server = closing.keep(await startArtifactServer(new Map(files), o));
    const base = { delta: d.delta, file: join(packagesDir, "dchat-1.0.0-linux-x64") };
    const fetchRange = fetchHttpsDelta({ url: server.url + template, client: closing.keep(testClient()) });
    const source = createDeltaSource({ id: server.url, priority: 1, base, fetchRange });
    return { server, reader: closing.keep(await source.open(d.artifact, { signal })) };
  }

  const there = (): string => deltaPath(targetUrlPath(d.artifact), d.delta);

  test("is fetched in ranges: the head, then the patches, and nothing of the artifact", async () => {
    const { server, reader } = await readerOf([[there(), d.file]]);
    assert.deepEqual(Buffer.from(await collect(reader, 0, 4)), Buffer.from(d.bytes));
    assert.deepEqual(server.requests.map(({ url, headers }) => [url, headers.range]), [
      [there(), `bytes=0-${d.headLength - 1}`],
      [there(), `bytes=${d.headLength}-${d.file.length - 1}`],
    ]);
    assert.equal(server.sentBytes(), d.file.length);
  });

  test("is beside the artifact of a template too", async () => {
    const path = deltaPath(`/v${d.artifact.version}/${d.artifact.name}`, d.delta);
    const { reader } = await readerOf([[path, d.file]], {}, "/v{version}/{name}");
    assert.deepEqual(Buffer.from(await collect(reader, 3, 1)), Buffer.from(d.bytes.subarray(3 << 20)));
  });

  test("is absent where it is not, and of no use where there are no ranges", async () => {
    const absent = await readerOf([]);
    await assert.rejects(collect(absent.reader, 0, 1), fails("E_ABSENT"));
    const whole = await readerOf([[there(), d.file]], { ranges: false });
    await assert.rejects(collect(whole.reader, 0, 1), fails("E_HTTP_STATUS", "no ranges"));
  });

  test("is a lie where it has another size", async () => {
    const { reader } = await readerOf([[there(), d.file.subarray(1)]]);
    await assert.rejects(collect(reader, 0, 1), fails("E_SIZE_MISMATCH"));
  });
});
