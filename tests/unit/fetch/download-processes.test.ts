import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Source } from "../../../src/api.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, targetUrlPath, testBytes } from "../../support/artifact.ts";
import { startArtifactServer } from "../../support/artifact-server.ts";
import { createDownloadPlace, type DownloadPlace } from "../../support/download-place.ts";
import { fails } from "../../support/fails.ts";
import { silentAfter, startLyingServer, truth } from "../../support/lying-server.ts";
import { killHard, linesOf, runScript } from "../../support/run-script.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { createClosing, testClient } from "../../support/test-client.ts";
import { until } from "../../support/until.ts";

const MIB = 1 << 20;
const bytes = testBytes(8 * MIB);
const artifact = await artifactOf(bytes);

describe("a download among others", { timeout: 120_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = closing.keep(testClient());

  function place(parent?: string): DownloadPlace {
    const made = createDownloadPlace(artifact, parent);
    closing.keep({ close: () => made.remove() });
    return made;
  }
  function startChild(url: string, { partialDir, destination }: DownloadPlace): ChildProcess {
    const child = runScript(new URL("./download-child.ts", import.meta.url), [
      JSON.stringify({ artifact, url, partialDir, destination }),
    ]);
    closing.keep({ close: () => killHard(child) });
    return child;
  }
  async function untilPartialHas(at: DownloadPlace, length: number): Promise<void> {
    await until(`${length} bytes are there`, async () => (await at.partialLength()) >= length);
  }

  test("that is killed leaves nothing with a name, and the next run resumes it", async () => {
    const at = place();
    let left = 6 * MIB; // in all: who asks again gets no more
    const slow = closing.keep(
      await startLyingServer(bytes, (c) => {
        const given = Math.min(left, c.end - c.offset);
        left -= given;
        silentAfter(given)(c);
      }),
    );
    const child = startChild(slow.url, at);
    await untilPartialHas(at, 4 * MIB);
    await killHard(child);
    const server = closing.keep(await startArtifactServer(new Map([[targetUrlPath(artifact), bytes]])));
    const got = await at.download([createHttpsSource({ url: server.url, priority: 1, client })]);
    assert.ok(got.bytesResumed >= 3 * MIB && got.bytesResumed < bytes.length, `${got.bytesResumed} bytes were kept`);
    assert.equal(got.bytesFetched, bytes.length - got.bytesResumed);
    assert.equal(server.sentBytes(), got.bytesFetched);
    await at.assertPlaced(bytes);
  });

  test("waits for another process that fetches the same, and finds the file it proved", async () => {
    const at = place();
    let finish: () => void = () => {};
    const slow = closing.keep(
      await startLyingServer(bytes, (c) => {
        const length = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`;
        c.socket.write(length);
        c.socket.write(bytes.subarray(0, 5 * MIB));
        finish = () => c.socket.end(bytes.subarray(5 * MIB));
      }),
    );
    const first = startChild(slow.url, at);
    await untilPartialHas(at, 4 * MIB);
    const second = startChild(slow.url, at);
    const lines = linesOf(second);
    assert.equal((await lines.next()).value, "waiting");
    finish();
    assert.match(String((await linesOf(first).next()).value), /^fetched [1-9]/);
    assert.equal((await lines.next()).value, "fetched 0");
    await at.assertPlaced(bytes);
  });

  test("on a disk that is too small or fills up stops cleanly, and resumes when there is room", async (t) => {
    const disk = tempFolder("small-disk");
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      await rm(disk, { recursive: true });
      return t.skip("this user cannot mount a small file system");
    }
    closing.keep({
      close: async () => {
        execFileSync("umount", [disk]);
        await rm(disk, { recursive: true });
      },
    });
    const at = place(disk);
    const filler = join(disk, "filler");
    await writeFile(filler, new Uint8Array(6 * MIB));
    const honest = closing.keep(await startLyingServer(bytes, truth));
    const source = createHttpsSource({ url: honest.url, priority: 1, client });
    await assert.rejects(at.download([source]), fails("E_DISK_FULL", "bytes free"));
    await at.assertNothingPlaced();

    await rm(filler);
    const filling: Source = {
      ...source,
      async open(a, o) {
        const reader = await source.open(a, o);
        let seen = 0;
        return {
          ...reader,
          isSequential: false,
          async *read(...args) {
            for await (const chunk of reader.read(...args)) {
              seen += chunk.length;
              if (seen - chunk.length < 3 * MIB && seen >= 3 * MIB) await writeFile(filler, new Uint8Array(6 * MIB));
              yield chunk;
            }
          },
        };
      },
    };
    await assert.rejects(at.download([filling]), fails("E_DISK_FULL"));
    await at.assertNothingPlaced();

    await rm(filler);
    const got = await at.download([source]);
    assert.ok(got.bytesResumed >= MIB && got.bytesResumed < bytes.length, `${got.bytesResumed} bytes were kept`);
    await at.assertPlaced(bytes);
  });
});
