// The library's downloads: which role speaks for a path, where the file goes, and what is refused. TUF 5.6.7, 5.7.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { type ErrorCode, UpdateError } from "../../dchat-update.ts";
import { fails } from "../support/fails.ts";
import { put, sha256 } from "../support/signed-file.ts";
import { DAY_MS, type DelegationOptions } from "../support/tuf-repository.ts";
import { bytesOf, createTufScene, filesIn, type Lie, type SceneClient, type TufScene } from "./tuf-scene.ts";

const CONTENT = bytesOf("what was released");

async function sceneWith(seed: string, ...paths: string[]): Promise<{ scene: TufScene; client: SceneClient }> {
  const scene = await createTufScene({ seed });
  for (const path of paths) scene.repo.addTarget(path, CONTENT);
  scene.repo.publish();
  const client = scene.client();
  await client.init(scene.repo.pinnedRoot);
  return { scene, client };
}

const read = async (file: string) => new Uint8Array(await readFile(file));

describe("a download", () => {
  test("refreshes, fetches the target by its digest and gives the path of one flat file", async () => {
    const { scene, client } = await sceneWith("one", "a b/ü/file #1.txt");
    const file = await client.download("a b/ü/file #1.txt", client.targetsDir);
    assert.deepEqual(await read(file), CONTENT);
    assert.deepEqual(await filesIn(client.targetsDir), ["a%20b%2F%C3%BC%2Ffile%20%231.txt"]);
    assert.equal(file, join(client.targetsDir, "a%20b%2F%C3%BC%2Ffile%20%231.txt"));
    const target = `targets/a%20b/%C3%BC/${sha256(CONTENT)}.file%20%231.txt`;
    assert.deepEqual(scene.takeAsked(), ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", target]);
  });

  test("fetches nothing when the proven file is there, and again when it is not that file", async () => {
    const { scene, client } = await sceneWith("cached", "file");
    const asked = async () => {
      scene.takeAsked();
      assert.deepEqual(await read(await client.download("file", client.targetsDir)), CONTENT);
      return scene.takeAsked();
    };
    const fetched = ["2.root.json", "timestamp.json", `targets/${sha256(CONTENT)}.file`];
    assert.deepEqual((await asked()).slice(-1), fetched.slice(-1));
    assert.deepEqual(await asked(), fetched.slice(0, 2));
    for (const damaged of [bytesOf("what was realesed"), bytesOf("short"), new Uint8Array()]) {
      await writeFile(join(client.targetsDir, "file"), damaged);
      assert.deepEqual(await asked(), fetched);
    }
  });

  test("of a target that has changed replaces the file", async () => {
    const { scene, client } = await sceneWith("changes", "file");
    const before = await client.download("file", client.targetsDir);
    scene.repo.addTarget("file", bytesOf("something newer"));
    scene.repo.publish();
    assert.equal(await client.download("file", client.targetsDir), before);
    assert.deepEqual(await read(before), bytesOf("something newer"));
    assert.deepEqual(await filesIn(client.targetsDir), ["file"]);
  });

  const altered: [what: string, lie: Lie, code: ErrorCode][] = [
    ["other bytes of that length", bytesOf("what was realesed"), "E_HASH_MISMATCH"],
    ["a byte more", Uint8Array.from([...CONTENT, 0]), "E_SIZE_MISMATCH"],
    ["a byte less", CONTENT.subarray(1), "E_SIZE_MISMATCH"],
    ["nothing", new Uint8Array(), "E_SIZE_MISMATCH"],
    ["status 404", undefined, "E_ABSENT"],
    ["status 500", (_, response) => void response.writeHead(500).end(CONTENT), "E_HTTP_STATUS"],
    ["half of it", (_, response) => {
      response.writeHead(200, { "content-length": CONTENT.length }).flushHeaders();
      response.write(CONTENT.subarray(0, 5), () => response.destroy());
    }, "E_UNREACHABLE"],
    ["a body without an end", (_, response) => {
      const more = () => void (response.destroyed || response.write(CONTENT, more));
      more();
    }, "E_SIZE_MISMATCH"],
  ];
  for (const [what, lie, code] of altered) {
    test(`given ${what} is refused; the file of before stays, and nothing beside it`, async () => {
      const { scene, client } = await sceneWith(what, "file");
      const file = join(client.targetsDir, "file");
      scene.lies.set(`targets/${sha256(CONTENT)}.file`, lie);
      await assert.rejects(client.download("file", client.targetsDir), fails(code));
      assert.deepEqual(await filesIn(client.targetsDir), []);
      scene.lies.clear();
      await client.download("file", client.targetsDir);
      scene.repo.addTarget("file", bytesOf("a newer release!!"));
      scene.repo.publish();
      scene.lies.set(`targets/${sha256(bytesOf("a newer release!!"))}.file`, lie);
      await assert.rejects(client.download("file", client.targetsDir), fails(code));
      assert.deepEqual(await filesIn(client.targetsDir), ["file"]);
      assert.deepEqual(await read(file), CONTENT);
    });
  }

  test("of a path nobody speaks for fails, after the metadata was brought up to date", async () => {
    const { client } = await sceneWith("nobody", "file");
    await assert.rejects(client.download("other", client.targetsDir), fails("E_NO_RELEASE", '"other"'));
    assert.equal((await client.trusted())["targets"], 2);
    assert.deepEqual(await filesIn(client.targetsDir), []);
  });

  test("proves by SHA-512 where that is what is signed, and by both where both are", async () => {
    const { scene, client } = await sceneWith("sha512", "file");
    const hashes = { sha512: createHash("sha512").update(CONTENT).digest("hex"), sha256: sha256(CONTENT) };
    put(scene.repo.draft("targets"), ["targets", "file", "hashes"], { sha512: hashes.sha512 });
    put(scene.repo.draft("targets"), ["targets", "both"], {
      length: CONTENT.length,
      hashes: { ...hashes, sha512: hashes.sha512.replace(/^./, (c) => (c === "0" ? "1" : "0")) },
    });
    scene.repo.publish();
    scene.lies.set(`targets/${hashes.sha512}.file`, CONTENT);
    scene.lies.set(`targets/${hashes.sha256}.both`, CONTENT);
    await client.download("file", client.targetsDir);
    await assert.rejects(client.download("both", client.targetsDir), fails("E_HASH_MISMATCH"));
    assert.deepEqual(await filesIn(client.targetsDir), ["file"]);
  });

  test("asks for plain names where digests are not part of them", async () => {
    const { scene, client } = await sceneWith("no prefix", "a/file");
    const plain = scene.client({ prefixTargetsWithHash: false, metadataDir: client.metadataDir });
    scene.lies.set("targets/a/file", CONTENT);
    await plain.download("a/file", plain.targetsDir);
    assert.equal(scene.takeAsked().at(-1), "targets/a/file");
    const scene2 = await createTufScene({ seed: "not consistent", consistentSnapshot: false });
    scene2.repo.addTarget("a/file", CONTENT);
    scene2.repo.publish();
    const client2 = scene2.client();
    await client2.init(scene2.repo.pinnedRoot);
    await client2.download("a/file", client2.targetsDir);
    assert.equal(scene2.takeAsked().at(-1), "targets/a/file");
  });

  test("may be of an empty file", async () => {
    const { scene, client } = await sceneWith("empty");
    scene.repo.addTarget("empty", new Uint8Array());
    scene.repo.publish();
    assert.equal((await read(await client.download("empty", client.targetsDir))).length, 0);
  });

  test("never shares a folder with the metadata, where a target could pass for a root", async () => {
    const { scene, client } = await sceneWith("shared", "root.json");
    await assert.rejects(client.download("root.json", `${client.metadataDir}/x/..`), fails("E_USAGE"));
    assert.deepEqual(scene.takeAsked(), []);
  });

  test("that is aborted in the middle leaves nothing", async () => {
    const { scene, client } = await sceneWith("aborted", "file");
    for (const reason of [undefined, new Error("not now")]) {
      const abort = new AbortController(), { signal } = abort;
      scene.lies.set(`targets/${sha256(CONTENT)}.file`, (_, response) => {
        response.writeHead(200, { "content-length": CONTENT.length });
        response.write(CONTENT.subarray(0, 5), () => abort.abort(reason));
      });
      await assert.rejects(client.download("file", client.targetsDir, { signal }), fails("E_INTERRUPTED"));
      assert.deepEqual(await filesIn(client.targetsDir), []);
    }
  });
});

describe("a target path", () => {
  const hostile = [
    "../up",
    "../../up",
    "a/../../up",
    "..",
    ".",
    "/etc/x",
    "a//b",
    "a/",
    "..\\up",
    "C:\\up",
    "%2e%2e/up",
  ];
  for (const path of [...hostile, "nul\u0000byte", "line\nfeed", "\u202e.txt", "con", "a/.", "x".repeat(300)]) {
    test(`such as ${JSON.stringify(path.slice(0, 20))} leads nowhere but into the folder`, async () => {
      const { client } = await sceneWith(path, path);
      const around = dirname(dirname(client.metadataDir));
      await client.refresh();
      const before = await filesIn(around);
      try {
        const file = await client.download(path, client.targetsDir);
        assert.equal(dirname(file), client.targetsDir);
        assert.match(basename(file), /^[\w.~%-]+$/);
        assert.deepEqual(await filesIn(client.targetsDir), [basename(file)]);
      } catch (e) {
        assert.ok(e instanceof UpdateError && ["E_MALFORMED", "E_IO"].includes(e.code), `${e}`);
        assert.match(e.message, /^[\P{C}]+$/u);
      }
      const added = (await filesIn(around)).filter((name) => !before.includes(name));
      assert.ok(added.every((name) => name.split(/[\\/]/)[1] === "targets"), added.join());
    });
  }
});

describe("delegated roles", () => {
  /** Which roles a lookup of a path that nobody has asks for. */
  async function visited(roles: readonly DelegationOptions[], path = "missing"): Promise<string[]> {
    const { scene, client } = await sceneWith(JSON.stringify(roles));
    for (const role of roles) scene.repo.delegate(role);
    scene.repo.publish();
    await client.refresh();
    scene.takeAsked();
    await assert.rejects(client.download(path, client.targetsDir), fails("E_NO_RELEASE"));
    return scene.takeAsked().slice(2).map((file) => file.replace(/^\d+\.(.*)\.json$/, "$1"));
  }
  const role = (parent: string, name: string, more: Partial<DelegationOptions> = {}) => ({ parent, name, ...more });

  const graphs: Record<string, [DelegationOptions[], string[]]> = {
    "siblings in their order": [[role("targets", "A"), role("targets", "B")], ["A", "B"]],
    "children before the next sibling": [
      [role("targets", "A"), role("targets", "B"), role("A", "C"), role("C", "D")],
      ["A", "C", "D", "B"],
    ],
    "nothing behind a terminating role but its own": [
      [
        role("targets", "A"),
        role("targets", "B"),
        role("A", "C", { terminating: true }),
        role("C", "D"),
        role("A", "E"),
      ],
      ["A", "C", "D"],
    ],
    "no role whose paths do not match": [
      [role("targets", "A"), role("targets", "B"), role("A", "C", { paths: ["*.py"] }), role("C", "D")],
      ["A", "B"],
    ],
  };
  for (const [what, [roles, expected]] of Object.entries(graphs)) {
    test(`are asked: ${what}`, async () => assert.deepEqual(await visited(roles), expected));
  }

  test("of whatever name are asked for in quotes and kept inside the folder", async () => {
    const { scene, client } = await sceneWith("odd names");
    const names = ["?", "#", "/x", "../x", "..", "a b", "ü", "%2e%2e", "con", "\\", "__proto__", "*(')!"];
    for (const name of names) scene.repo.delegate({ name });
    const last = names.at(-1) ?? "";
    scene.repo.addTarget("file", CONTENT, { role: last });
    scene.repo.publish();
    const around = dirname(dirname(client.metadataDir));
    await client.download("file", client.targetsDir);
    const quoted = ["%3F", "%23", "%2Fx", "..%2Fx", "..", "a%20b", "%C3%BC", "%252e%252e", "con", "%5C", "__proto__"];
    quoted.push("%2A%28%27%29%21");
    const asked = scene.takeAsked().filter((path) => path.startsWith("1."));
    assert.deepEqual(asked, quoted.map((name) => `1.${name}.json`));
    const kept = ["root", "timestamp", "snapshot", "targets", ...quoted].map((name) => `${name}.json`).sort();
    assert.deepEqual(await filesIn(client.metadataDir), kept);
    const elsewhere = (await filesIn(around)).filter((name) => !/^\d+([\\/](metadata|targets)([\\/].*)?)?$/.test(name));
    assert.deepEqual(elsewhere, []);
    await client.download("file", client.targetsDir);
    assert.deepEqual(scene.takeAsked(), ["2.root.json", "timestamp.json"]); // all of them were read back
  });

  test("that have expired are not used and not kept; a newer one is", async () => {
    const { scene } = await sceneWith("expired role");
    const { repo } = scene;
    let nowMs = repo.nowMs;
    const client = scene.client({ now: () => nowMs });
    await client.init(repo.pinnedRoot);
    repo.delegate({ name: "A" });
    for (const path of ["first", "second"]) repo.addTarget(path, CONTENT, { role: "A" });
    const expires = (ms: number) => repo.draft("A")["expires"] = new Date(ms).toISOString().replace(/\.\d+/, "");
    expires(nowMs - DAY_MS);
    repo.publish();
    await client.refresh();
    await assert.rejects(client.download("first", client.targetsDir), fails("E_EXPIRED", "A.json"));
    assert.equal((await client.trusted())["A"], undefined);
    expires(nowMs + DAY_MS / 2);
    repo.publish();
    await client.download("first", client.targetsDir);
    nowMs += DAY_MS;
    await assert.rejects(client.download("second", client.targetsDir), fails("E_EXPIRED", "A.json"));
    expires(nowMs + DAY_MS);
    repo.publish();
    await client.download("second", client.targetsDir);
    assert.deepEqual(await filesIn(client.targetsDir), ["first", "second"]);
  });

  test("speak only for what they were given", async () => {
    const { scene, client } = await sceneWith("not theirs");
    scene.repo.delegate({ name: "A", paths: ["a/*"] });
    for (const path of ["b/file", "a/deeper/file"]) scene.repo.addTarget(path, CONTENT, { role: "A" });
    scene.repo.publish();
    for (const path of ["b/file", "a/deeper/file"]) {
      await assert.rejects(client.download(path, client.targetsDir), fails("E_NO_RELEASE"));
    }
  });

  test("of hash bins are asked for the one bin", async () => {
    const { scene, client } = await sceneWith("bins");
    const bin = sha256(bytesOf("file")).slice(0, 1); // 16 bins: the first digit
    scene.repo.delegateSuccinctly({ namePrefix: "bin", bitLength: 4 });
    scene.repo.addTarget("file", CONTENT, { role: `bin-${bin}` });
    scene.repo.publish();
    await client.download("file", client.targetsDir);
    assert.deepEqual(scene.takeAsked().filter((path) => path.includes("bin-")), [`1.bin-${bin}.json`]);
  });
});
