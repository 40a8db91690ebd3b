// The library's TUF client: what it asks for and in which order, what it keeps, what it refuses. TUF 5.2 to 5.6.
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { createTufClient } from "../../dchat-update.ts";
import { fails } from "../support/fails.ts";
import { unusedPort } from "../support/http-server.ts";
import { jsonFile, parseFile, put } from "../support/signed-file.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { DAY_MS } from "../support/tuf-repository.ts";
import { bytesOf, createTufScene, filesIn, type Lie } from "./tuf-scene.ts";

const ALL = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"];
const WHOLE = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };

describe("init", () => {
  test("keeps the very bytes of the root, plainly named, and asks nobody", async () => {
    const scene = await createTufScene({ seed: "init" });
    const client = scene.client();
    const root = Uint8Array.from([...scene.repo.pinnedRoot, 0x0a]);
    await client.init(root);
    assert.deepEqual(await filesIn(client.metadataDir), ["root.json"]);
    assert.deepEqual(await client.stored("root.json"), root);
    assert.deepEqual(scene.takeAsked(), []);
  });

  test("twice changes nothing, also after the root has gone on", async () => {
    const scene = await createTufScene({ seed: "twice" });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.init(scene.repo.pinnedRoot);
    scene.repo.publishRoot();
    await client.refresh();
    const before = await client.trusted();
    assert.equal(before["root"], 2);
    await client.init(scene.repo.pinnedRoot);
    assert.deepEqual(await client.trusted(), before);
  });

  test("with a newer root keeps what it vouches for: a rollback is still one", async () => {
    const scene = await createTufScene({ seed: "newer" });
    const { repo } = scene;
    const client = scene.client();
    const old = repo.bytes("timestamp");
    repo.publish();
    await client.init(repo.pinnedRoot);
    await client.refresh();
    repo.publishRoot();
    await client.init(repo.bytes("root"));
    assert.deepEqual(await client.trusted(), { root: 2, timestamp: 2, snapshot: 2, targets: 2 });
    scene.lies.set("timestamp.json", old);
    await assert.rejects(client.refresh(), fails("E_ROLLBACK"));
  });

  test("with the first root of another repository is refused", async () => {
    const scene = await createTufScene({ seed: "one" }), other = await createTufScene({ seed: "other" });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await assert.rejects(client.init(other.repo.pinnedRoot), fails("E_USAGE", "another root"));
    assert.deepEqual(await client.stored("root.json"), scene.repo.pinnedRoot);
  });

  test("with something that is no root keeps nothing", async () => {
    const scene = await createTufScene({ seed: "bad root" });
    const edited = (edit: (file: ReturnType<typeof parseFile>) => void) => {
      const file = parseFile(scene.repo.pinnedRoot);
      edit(file);
      return jsonFile(file);
    };
    const bad: [Uint8Array, Parameters<typeof fails>[0]][] = [
      [bytesOf(""), "E_MALFORMED"],
      [bytesOf("<html>"), "E_MALFORMED"],
      [scene.repo.bytes("timestamp"), "E_MALFORMED"],
      [edited((f) => f.signatures.pop()), "E_THRESHOLD"],
      [edited((f) => put(f.signed, ["version"], undefined)), "E_MALFORMED"],
      [edited((f) => put(f.signed, ["version"], 2)), "E_SIGNATURE"],
      [new Uint8Array(600_000), "E_TOO_LARGE"],
    ];
    const client = scene.client();
    for (const [bytes, code] of bad) await assert.rejects(client.init(bytes), fails(code));
    assert.deepEqual(await filesIn(client.metadataDir), []);
    await assert.rejects(client.refresh(), fails("E_NOT_INITIALIZED"));
    assert.deepEqual(scene.takeAsked(), []);
  });
});

describe("refresh", () => {
  test("asks for each file once, in the specification's order, and keeps the very bytes", async () => {
    const scene = await createTufScene({ seed: "first" });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    assert.deepEqual(scene.takeAsked(), ALL);
    assert.deepEqual(await client.trusted(), WHOLE);
    for (const role of Object.keys(WHOLE)) {
      assert.deepEqual(await client.stored(`${role}.json`), scene.repo.bytes(role));
    }
  });

  test("asks only for what has changed, also in a new process's place", async () => {
    const scene = await createTufScene({ seed: "changed" });
    const { repo } = scene;
    const first = scene.client();
    await first.init(repo.pinnedRoot);
    await first.refresh();
    const client = scene.client({ metadataDir: first.metadataDir });
    const asks = async (...expected: string[]) => {
      scene.takeAsked();
      await client.refresh();
      assert.deepEqual(scene.takeAsked(), expected);
    };
    await asks("2.root.json", "timestamp.json");
    repo.publishTimestamp();
    await asks("2.root.json", "timestamp.json");
    assert.equal((await client.trusted())["timestamp"], 2);
    repo.refresh();
    await asks("2.root.json", "timestamp.json", "2.snapshot.json");
    repo.publish();
    await asks("2.root.json", "timestamp.json", "3.snapshot.json", "2.targets.json");
    repo.publishRoot();
    await asks("2.root.json", "3.root.json", "timestamp.json");
  });

  test("uses plain names where the repository has no consistent snapshots", async () => {
    const scene = await createTufScene({ seed: "plain", consistentSnapshot: false });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    assert.deepEqual(scene.takeAsked(), ["2.root.json", "timestamp.json", "snapshot.json", "targets.json"]);
  });

  test("fails before init, whatever folder it is given, and asks nobody", async () => {
    const scene = await createTufScene({ seed: "no init" });
    await assert.rejects(scene.client().refresh(), fails("E_NOT_INITIALIZED"));
    await assert.rejects(scene.client({ metadataDir: tempFolder("library") }).refresh(), fails("E_NOT_INITIALIZED"));
    assert.deepEqual(scene.takeAsked(), []);
  });

  const bad: [what: string, path: string, lie: Lie, code: Parameters<typeof fails>[0], kept: string][] = [
    ["no timestamp", "timestamp.json", undefined, "E_ABSENT", "root"],
    ["a timestamp that is an error page", "timestamp.json", bytesOf("<html>"), "E_MALFORMED", "root"],
    ["an endless timestamp", "timestamp.json", new Uint8Array(20_000), "E_TOO_LARGE", "root"],
    ["no snapshot", "2.snapshot.json", undefined, "E_ABSENT", "root timestamp"],
    ["an altered snapshot", "2.snapshot.json", bytesOf("{}"), "E_SIZE_MISMATCH", "root timestamp"],
    ["no targets", "2.targets.json", undefined, "E_ABSENT", "root timestamp snapshot"],
    ["altered targets", "2.targets.json", bytesOf("{}"), "E_SIZE_MISMATCH", "root timestamp snapshot"],
  ];
  for (const [what, path, lie, code, kept] of bad) {
    test(`given ${what} keeps everything before it, and goes on from there`, async () => {
      const scene = await createTufScene({ seed: what });
      const { repo, lies } = scene;
      const [knew, fresh] = [scene.client(), scene.client()];
      for (const client of [knew, fresh]) await client.init(repo.pinnedRoot);
      await knew.refresh();
      repo.publishRoot();
      repo.publish();
      lies.set(path, lie);
      const renewed = Object.fromEntries(kept.split(" ").map((role) => [role, 2]));
      await assert.rejects(knew.refresh(), fails(code));
      assert.deepEqual(await knew.trusted(), { ...WHOLE, ...renewed });
      await assert.rejects(fresh.refresh(), fails(code));
      assert.deepEqual(await fresh.trusted(), renewed);
      lies.clear();
      scene.takeAsked();
      await fresh.refresh();
      const rest = ["2.snapshot.json", "2.targets.json"].slice(Math.max(0, kept.split(" ").length - 2));
      assert.deepEqual(scene.takeAsked(), ["3.root.json", "timestamp.json", ...rest]);
    });
  }

  test("goes on from an expired timestamp, which stays a floor", async () => {
    const scene = await createTufScene({ seed: "floor" });
    const { repo, lies } = scene;
    let nowMs = repo.nowMs;
    const client = scene.client({ now: () => nowMs });
    const first = repo.bytes("timestamp");
    repo.publish();
    await client.init(repo.pinnedRoot);
    await client.refresh();
    nowMs += 3 * DAY_MS; // a timestamp lives two days
    await assert.rejects(client.refresh(), fails("E_EXPIRED", "timestamp.json"));
    lies.set("timestamp.json", first);
    await assert.rejects(client.refresh(), fails("E_ROLLBACK", "timestamp.json"));
    lies.clear();
    repo.draft("timestamp")["expires"] = new Date(nowMs + DAY_MS).toISOString().replace(/\.\d+/, "");
    repo.refresh();
    await client.refresh();
    assert.deepEqual(await client.trusted(), { root: 1, timestamp: 3, snapshot: 3, targets: 2 });
  });

  test("judges by the clock it is given, and by the system's otherwise", async () => {
    const nowMs = Date.parse("2035-06-01T00:00:00Z");
    const scene = await createTufScene({ seed: "clock", nowMs });
    const [early, onTime, late] = [undefined, nowMs, nowMs + 400 * DAY_MS].map((ms) =>
      scene.client(ms === undefined ? {} : { now: () => ms })
    );
    for (const client of [early, onTime, late]) await client?.init(scene.repo.pinnedRoot);
    await early?.refresh();
    await onTime?.refresh();
    await assert.rejects(late?.refresh() ?? Promise.resolve(), fails("E_EXPIRED", "root version 1"));
  });

  test("takes nothing from an expired root but newer roots", async () => {
    const scene = await createTufScene({ seed: "expired root" });
    const { repo } = scene;
    const client = scene.client();
    await client.init(repo.pinnedRoot);
    await client.refresh();
    repo.draft("root")["expires"] = "2020-01-01T00:00:00Z";
    repo.publishRoot();
    repo.publish();
    await assert.rejects(client.refresh(), fails("E_EXPIRED", "root version 2"));
    assert.deepEqual(await client.trusted(), { ...WHOLE, root: 2 });
    assert.equal(scene.takeAsked().at(-1), "3.root.json");
  });

  test("needs one of several mirrors: a dead one, an empty one or a babbler ends nothing", async () => {
    const scene = await createTufScene({ seed: "mirrors" });
    scene.lies.set("babbler/timestamp.json", bytesOf("<html>sign in</html>"));
    const good = `${scene.url}/metadata`;
    const others = [`http://127.0.0.1:${await unusedPort()}/`, `${scene.url}/empty`, `${scene.url}/babbler/`];
    for (const other of others) {
      for (const metadataUrls of [[good, other], [other, good]]) {
        const client = scene.client({ metadataUrls });
        await client.init(scene.repo.pinnedRoot);
        await client.refresh();
        assert.deepEqual(await client.trusted(), WHOLE);
      }
    }
    const client = scene.client({ metadataUrls: others });
    await client.init(scene.repo.pinnedRoot);
    await assert.rejects(client.refresh(), fails("E_MALFORMED"));
  });

  test("fetches what is damaged on disk again, but never doubts its root", async () => {
    const scene = await createTufScene({ seed: "damage" });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    for (const damage of [bytesOf(""), bytesOf("{}"), new Uint8Array(6_000_000)]) {
      for (const role of ["timestamp", "snapshot", "targets", "unknown%20role", "%"]) {
        await writeFile(join(client.metadataDir, `${role}.json`), damage);
      }
      await client.refresh();
      for (const role of ["timestamp", "snapshot", "targets"]) {
        assert.deepEqual(await client.stored(`${role}.json`), scene.repo.bytes(role));
      }
    }
    await writeFile(join(client.metadataDir, "root.json"), "{}");
    await assert.rejects(client.refresh(), fails("E_STATE_CORRUPT"));
  });

  test("ends at once when it is aborted, for whatever reason, and can be asked again", async () => {
    const scene = await createTufScene({ seed: "abort" });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    for (const path of ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]) {
      for (const reason of [undefined, new Error("not now"), "later"]) {
        const abort = new AbortController();
        scene.lies.set(path, () => abort.abort(reason)); // and no answer
        await assert.rejects(client.refresh({ signal: abort.signal }), fails("E_INTERRUPTED"));
        scene.lies.clear();
      }
    }
    await assert.rejects(client.refresh({ signal: AbortSignal.abort() }), fails("E_INTERRUPTED"));
    await client.refresh();
    assert.deepEqual(await client.trusted(), WHOLE);
  });

  test("reports a folder that cannot be written", async () => {
    const scene = await createTufScene({ seed: "no folder" });
    const file = join(tempFolder("library"), "file");
    await writeFile(file, "");
    const client = scene.client({ metadataDir: join(file, "metadata") });
    await assert.rejects(client.init(scene.repo.pinnedRoot), fails("E_IO"));
  });

  test("takes nothing back from another process that learnt more meanwhile", async () => {
    const scene = await createTufScene({ seed: "two at once" });
    const { repo, lies } = scene;
    const slow = scene.client(), quick = scene.client({ metadataDir: slow.metadataDir });
    await slow.init(repo.pinnedRoot);
    const older = repo.bytes("timestamp");
    repo.publish();
    lies.set("timestamp.json", (_, response) => {
      lies.clear();
      quick.refresh().then(() => response.end(older), (e) => response.destroy(e));
    });
    await slow.refresh();
    assert.equal(scene.takeAsked().includes("1.targets.json"), true); // it did go on with what it was given
    assert.deepEqual(await slow.trusted(), { root: 1, timestamp: 2, snapshot: 2, targets: 2 });
  });

  test("leaves nothing but metadata in its folder", async () => {
    const scene = await createTufScene({ seed: "tidy" });
    const client = scene.client();
    await mkdir(dirname(client.metadataDir), { recursive: true });
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    assert.deepEqual((await readdir(client.metadataDir)).sort(), Object.keys(WHOLE).map((r) => `${r}.json`).sort());
  });
});

test("a client without URLs can init and nothing else", async () => {
  const { repo } = await createTufScene({ seed: "no URLs" });
  const client = createTufClient({ metadataDir: tempFolder("library"), metadataUrls: [], targetsUrl: "" });
  await client.init(repo.pinnedRoot);
  await assert.rejects(client.refresh(), fails("E_NO_SOURCE"));
  await client.close();
});
