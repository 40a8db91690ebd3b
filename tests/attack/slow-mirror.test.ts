// The lie: to be there and give nothing, or a byte a minute, so that a node waits for ever instead of asking elsewhere.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { requireCaught, requireError, requireProvenPackages } from "../support/caught.ts";
import { startTcpServer } from "../support/http-server.ts";
import { type Answer, drips, saysNothing, startLyingMirror, writesRaw } from "../support/lying-mirror.ts";
import { QUICK_TIMEOUTS } from "../support/operator.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("slow mirror");
const known = repository.files();
repository.publish();
const files = repository.files();

const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;
const TIMEOUT = { code: "E_TIMEOUT", verdict: "fault" } as const;
// Two time-outs of 2 s each (the resumed artifact, or root and timestamp), a slow start and a busy machine.
const MAX_ELAPSED_MS = 15_000;

const halfAMinute = dripForHalfAMinute();
const MINUTE = 60_000;
const head = (length: number) => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n`;
const SLOW: readonly (readonly [string, Answer])[] = [
  ["says nothing", saysNothing],
  ["stops in its headers", writesRaw(head(content.length), "wait")],
  ["stops in the middle", drips({ first: 100, everyMs: Infinity })],
  ["sends a byte a minute", drips({ first: 0, everyMs: MINUTE })],
];

for (const [title, answer] of SLOW) {
  for (
    const [what, slowPath, args, atFirst] of [
      ["timestamp", "metadata/timestamp.json", ["check"], known],
      ["artifact", path, DOWNLOAD, files],
    ] as const
  ) {
    test(`a mirror that ${title} instead of its ${what} is left for another in time`, async () => {
      const scene = await stage.scene(repository, atFirst);
      scene.liar.serve(files, { [slowPath]: answer });
      scene.honest.serve(files);
      const { alone, together } = await requireCaught(scene, [...args, ...QUICK_TIMEOUTS], {
        ...TIMEOUT,
        isNoticed: what === "timestamp", // a slow piece is fetched elsewhere long before the time-out
      });
      for (const { elapsedMs } of [alone, together]) assert.ok(elapsedMs < MAX_ELAPSED_MS, `${elapsedMs} ms`);
    });
  }
}

test("a mirror that accepts connections and does not speak TLS is left in time", async () => {
  const silent = await startTcpServer(() => {});
  after(() => silent.close());
  const scene = await stage.scene(repository, known);
  scene.liar.serve(files);
  const url = silent.url.replace("http:", "https:");
  await scene.operator.succeed("add-mirror", "--url", url, "--priority", "1");
  const { elapsedMs, stderr } = await scene.operator.succeed("check", ...QUICK_TIMEOUTS);
  assert.ok(stderr.includes(url) && elapsedMs < MAX_ELAPSED_MS, `${elapsedMs} ms: ${stderr}`);
});

/** The least rate is averaged over half a minute, so this begins with the file and goes on beside its other tests. */
async function dripForHalfAMinute() {
  const dripping = await startLyingMirror(), honest = await startLyingMirror();
  after(() => Promise.all([dripping.close(), honest.close()]));
  const drip = drips({ first: 0, everyMs: 500 });
  dripping.serve(files, { [path]: drip, "metadata/timestamp.json": drip });
  honest.serve(files);
  const pinned = { pinnedRoot: repository.pinnedRoot };
  const lonely = await stage.operator({ ...pinned, mirrors: [dripping.url] });
  const lucky = await stage.operator({ ...pinned, mirrors: [dripping.url, honest.url] });
  const runs = [lonely.run("check", ...QUICK_TIMEOUTS), lucky.run(...DOWNLOAD, ...QUICK_TIMEOUTS)] as const;
  return { alone: runs[0], together: runs[1], packages: () => lucky.snapshot().packages };
}

test("a mirror that sends a little now and then, never silent for long, is left in time", async () => {
  const { packages, ...runs } = await halfAMinute;
  const [alone, together] = await Promise.all([runs.alone, runs.together]);
  requireError(alone, "E_TIMEOUT");
  assert.equal(together.code, 0, together.stderr);
  requireProvenPackages(packages(), repository.digests);
  for (const { elapsedMs } of [alone, together]) assert.ok(elapsedMs < 60_000, `${elapsedMs} ms`);
});
