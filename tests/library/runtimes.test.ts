// The bundled file as a library does the same on every runtime: init, refresh, download, what is refused, verify.
// One small program, written as a user would, against one repository on loopback.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { writeBundle } from "../../src/trust/bundle.ts";
import { pinRoot } from "../../src/trust/client.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { testBytes } from "../support/artifact.ts";
import { BUNDLE } from "../support/bundled-cli.ts";
import { createReleaseRepository, nameOf, NETWORK } from "../support/release-repository.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { strictClock, updated } from "../support/trust-client.ts";
import { createTufScene, filesIn } from "./tuf-scene.ts";

const PROGRAM = `
  import { readFile } from "node:fs/promises";
  import { createTufClient, digestFile, UpdateError, verifyEd25519, verifyPackage } from ${
  JSON.stringify(pathToFileURL(BUNDLE).href)
};

  const [url, folder, pack] = process.argv.slice(2);
  const said = [];
  const attempt = async (what, work) => {
    try {
      said.push([what, (await work()) ?? "done"]);
    } catch (e) {
      said.push([what, e instanceof UpdateError ? e.code : String(e)]);
    }
  };
  const client = createTufClient({
    metadataDir: folder + "/metadata",
    metadataUrls: [url + "/empty", url + "/metadata"],
    targetsUrl: url + "/targets",
  });
  const targets = folder + "/targets";
  const inside = (file) => file.slice(folder.length);
  await attempt("refresh before init", () => client.refresh());
  await attempt("init", async () => client.init(await readFile(folder + "/root.json")));
  await attempt("refresh", () => client.refresh());
  await attempt("download", async () => inside(await client.download("a/große datei", targets)));
  await attempt("delegated", async () => inside(await client.download("theirs/file", targets)));
  await attempt("again", async () => inside(await client.download("theirs/file", targets)));
  await attempt("altered", () => client.download("altered", targets));
  await attempt("missing", () => client.download("missing", targets));
  await attempt("aborted", () => client.refresh({ signal: AbortSignal.abort() }));
  await client.close();

  const { length, sha256, blake3 } = await digestFile(targets + "/theirs%2Ffile", { signal: new AbortController().signal });
  said.push(["digests", { length, sha256, blake3 }]);
  const one = { bundle: await readFile(pack + "/bundle.json"), root: await readFile(pack + "/root.json") };
  await attempt("verify", async () => (await verifyPackage({ file: pack + "/${nameOf("1.0.0")}", ...one })).artifact);
  await attempt("verify renamed", () => verifyPackage({ file: pack + "/${nameOf("2.0.0")}", ...one }));
  said.push(["signature", verifyEd25519(new Uint8Array(64), new Uint8Array(), new Uint8Array(32))]);
  console.log(JSON.stringify(said));
`;

const scene = await createTufScene({ seed: "runtimes" });
const content = testBytes(3_000_000, "runtimes");
for (const path of ["a/große datei", "altered"]) scene.repo.addTarget(path, content);
scene.repo.delegate({ name: "theirs / über", paths: ["theirs/*"] });
scene.repo.addTarget("theirs/file", content.subarray(1), { role: "theirs / über" });
scene.repo.publish();
const altered = [...scene.repo.files().keys()].find((path) => path.endsWith(".altered")) ?? assert.fail();
scene.lies.set(altered, content.map((byte, i) => i === 2_999_999 ? byte ^ 1 : byte));

/** Two packages, of which the second is the first renamed, with the bundle and the root. */
async function packFolder(): Promise<string> {
  const folder = tempFolder("library");
  const repo = createReleaseRepository({ seed: "packages" });
  for (const version of ["1.0.0", "2.0.0"]) {
    await repo.addRelease(version);
    await writeFile(join(folder, nameOf(version)), testBytes(50_000, "release 1.0.0"));
  }
  repo.publish();
  const state = updated(pinRoot(repo.pinnedRoot), repo.files(), strictClock(repo.nowMs));
  await writeFile(join(folder, "bundle.json"), writeBundle(state, NETWORK));
  await writeFile(join(folder, "root.json"), repo.pinnedRoot);
  return folder;
}

const pack = await packFolder();
const program = join(pack, "program.mjs");
await writeFile(program, PROGRAM);
let first: string | undefined;

for (const { name, fileCommand } of runtimes()) {
  test(`the bundled library on ${name} refreshes, downloads, refuses and verifies as on the others`, async () => {
    const folder = tempFolder("library");
    await writeFile(join(folder, "root.json"), scene.repo.pinnedRoot);
    scene.takeAsked();
    const [command, ...args] = fileCommand(program, [scene.url, folder, pack]);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    assert.equal(stderr, "");
    const said = Object.fromEntries(JSON.parse(stdout));
    assert.deepEqual({ ...said, digests: undefined, verify: said.verify.version }, {
      "refresh before init": "E_NOT_INITIALIZED",
      init: "done",
      refresh: "done",
      download: "/targets/a%2Fgro%C3%9Fe%20datei",
      delegated: "/targets/theirs%2Ffile",
      again: "/targets/theirs%2Ffile",
      altered: "E_HASH_MISMATCH",
      missing: "E_NO_RELEASE",
      aborted: "E_INTERRUPTED",
      digests: undefined,
      verify: "1.0.0",
      "verify renamed": "E_HASH_MISMATCH",
      signature: false,
    });
    assert.deepEqual(new Uint8Array(await readFile(join(folder, said.download))), content);
    assert.deepEqual(await filesIn(join(folder, "targets")), ["a%2Fgro%C3%9Fe%20datei", "theirs%2Ffile"]);
    const metadata = ["root", "timestamp", "snapshot", "targets", "theirs%20%2F%20%C3%BCber"].map((r) => `${r}.json`);
    assert.deepEqual(await filesIn(join(folder, "metadata")), metadata.sort());
    // Whoever answers first is no reason to ask in another order.
    const asked = scene.takeAsked().filter((path) => !path.startsWith("empty/"));
    first ??= JSON.stringify([said, asked]);
    assert.equal(JSON.stringify([said, asked]), first);
  });
}
