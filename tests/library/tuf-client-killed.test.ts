// A process that ends at any moment leaves a folder that the next one can use. Design: "State on disk". The processes
// are real ones, killed the hard way while they wait for a file and right after they were given it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runScript } from "../support/run-script.ts";
import { sha256 } from "../support/signed-file.ts";
import { bytesOf, createTufScene, filesIn, type SceneClient, type TufScene } from "./tuf-scene.ts";

const CLIENT = new URL("../support/tuf-conformance-client.ts", import.meta.url);
const FILES = ["2.root.json", "3.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"];
const WHOLE = { root: 2, timestamp: 2, snapshot: 2, targets: 2 };

/** A client that knows the first version of everything, where there is a second. */
async function sceneBehind(seed: string): Promise<{ scene: TufScene; client: SceneClient }> {
  const scene = await createTufScene({ seed });
  const client = scene.client();
  await client.init(scene.repo.pinnedRoot);
  await client.refresh();
  scene.repo.publishRoot();
  scene.repo.publish();
  return { scene, client };
}

interface Running {
  kill(): void;
  /** Resolves once it is gone; rejects when it failed by itself, before anybody killed it. */
  readonly gone: Promise<void>;
}

/** Starts a process with the client's folders. */
function start(scene: TufScene, client: SceneClient, ...command: string[]): Running {
  const options = { "--metadata-dir": client.metadataDir, "--metadata-url": `${scene.url}/metadata` };
  const child = runScript(CLIENT, [...Object.entries(options).flat(), ...command], { stdio: "ignore" });
  const gone = once(child, "exit").then(([code, signal]) => assert.ok(signal === "SIGKILL" || code === 0, `${code}`));
  return { kill: () => void child.kill("SIGKILL"), gone };
}

describe("a refresh killed", () => {
  for (const path of FILES) {
    for (const moment of ["before it was given", "right after it was given"]) {
      test(`${moment} ${path} leaves old metadata or new, and the next refresh goes on`, async () => {
        const { scene, client } = await sceneBehind(`${moment} ${path}`);
        const bytes = scene.repo.files().get(`metadata/${path}`);
        scene.lies.set(path, (_, response) => {
          if (moment.startsWith("before")) running.kill();
          else response.writeHead(bytes === undefined ? 404 : 200).end(bytes, () => running.kill());
        });
        const running = start(scene, client, "refresh");
        await running.gone;
        scene.lies.clear();
        for (const version of Object.values(await client.trusted())) assert.ok(version === 1 || version === 2);
        await client.refresh();
        assert.deepEqual(await client.trusted(), WHOLE);
      });
    }
  }
});

describe("a download killed in the middle", () => {
  const content = bytesOf("half and half");
  const target = `targets/${sha256(content)}.file`;

  test("leaves no file of that name, and the next download makes it", async () => {
    const { scene, client } = await sceneBehind("half a target");
    scene.repo.addTarget("file", content);
    scene.repo.publish();
    scene.lies.set(target, (_, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 6), () => running.kill());
    });
    const where = ["--target-name", "file", "--target-base-url", `${scene.url}/targets`];
    const running = start(scene, client, ...where, "--target-dir", client.targetsDir, "download");
    await running.gone;
    assert.equal((await filesIn(client.targetsDir)).includes("file"), false);
    scene.lies.clear();
    const file = await client.download("file", client.targetsDir);
    assert.equal(await readFile(file, "utf8"), "half and half");
  });

  test("is tidied up after by a later one", async () => {
    const { scene, client } = await sceneBehind("leftovers");
    scene.repo.addTarget("file", content);
    scene.repo.publish();
    await mkdir(client.targetsDir, { recursive: true });
    for (const folder of [client.targetsDir, client.metadataDir]) {
      const leftover = join(folder, ".file.0123456789ab.dchat-tmp");
      await writeFile(leftover, "half");
      await utimes(leftover, 1_000_000_000, 1_000_000_000); // long ago
    }
    await client.download("file", client.targetsDir);
    assert.deepEqual(await filesIn(client.targetsDir), ["file"]);
    assert.ok((await filesIn(client.metadataDir)).every((name) => name.endsWith(".json")));
  });
});
