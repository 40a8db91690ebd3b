// python-tuf, the reference implementation, and this project read each other's repositories.
// Skipped with a notice where `python3` has no module `tuf`: `pip install tuf "securesystemslib[crypto]"`.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createTufClient } from "../../dchat-update.ts";
import { createMaintainer } from "../publish/maintainer.ts";
import { startHttpServer, type TestServer } from "../support/http-server.ts";
import { tempFolder } from "../support/temp-folder.ts";

const hasTuf = spawnSync("python3", ["-c", "import tuf, securesystemslib.signer, cryptography"]).status === 0;
if (!hasTuf) console.warn("skipped: python3 has no module tuf");

async function python(script: string, ...args: string[]): Promise<string[]> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn("python3", [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  assert.equal(code, 0, err);
  return out.trim().split("\n");
}

const servers: TestServer[] = [];
after(() => Promise.all(servers.map((server) => server.close())));

/** Serves a folder; a file may be named as it is asked for or as it is meant. */
async function serve(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const server = await startHttpServer(async (request, response) => {
    const path = (request.url ?? "/").slice(1);
    const name = [path, decodeURIComponent(path)].find((p) => names.includes(p));
    if (name === undefined) response.writeHead(404).end();
    else response.end(await readFile(join(folder, name)));
  });
  servers.push(server);
  return server.url;
}

describe("python-tuf", { skip: !hasTuf }, () => {
  test("writes a repository that the library reads: rotations, thresholds, odd names, hash bins", async () => {
    const folder = tempFolder("library"), own = tempFolder("library");
    await python("write-repository.py", folder);
    const url = await serve(folder);
    const metadataDir = join(own, "metadata"), targetsDir = join(own, "targets");
    const client = createTufClient({ metadataDir, metadataUrls: [`${url}/metadata`], targetsUrl: `${url}/targets` });
    await client.init(await readFile(join(folder, "metadata", "1.root.json")));
    const expected = {
      "folder/top level.txt": "top level",
      "theirs/file": "theirs",
      "bins/a": "bins/a",
      "bins/ü": "bins/ü",
    };
    for (const [path, content] of Object.entries(expected)) {
      assert.equal(await readFile(await client.download(path, targetsDir), "utf8"), content);
    }
    await assert.rejects(client.download("theirs/other", targetsDir), { code: "E_NO_RELEASE" });
    assert.equal(JSON.parse(await readFile(join(metadataDir, "root.json"), "utf8")).signed.version, 2);
    await client.close();
  });

  test("reads what the release commands publish, through a rotation of all keys", async () => {
    await using m = createMaintainer();
    for (const key of ["a", "b", "c"]) await m.keygen(key);
    await m.run("init repo --network testnet --key a.pem");
    const released = new Map<string, string>();
    const release = async (version: string) => {
      const file = await m.file(`dchat-${version}`);
      await m.run(`add repo --version ${version} --platform linux-x64`, file);
      released.set(`dchat/${version}/dchat-${version}-linux-x64`, file);
    };
    const [metadataDir, targetsDir] = [m.path("client"), m.path("targets")];
    await mkdir(metadataDir);
    await mkdir(targetsDir);
    const readAll = async () => {
      const url = await serve(m.path("repo"));
      const where = [metadataDir, `${url}/metadata`, targetsDir, `${url}/targets`];
      const files = await python("read-repository.py", ...where, ...released.keys());
      for (const [i, original] of [...released.values()].entries()) {
        assert.deepEqual(await readFile(files[i] ?? ""), await readFile(original));
      }
    };
    await release("1.0.0");
    await m.run("publish repo --key a.pem");
    await writeFile(join(metadataDir, "root.json"), await readFile(m.path("repo", "metadata", "1.root.json")));
    await readAll();
    await m.run("rotate-root repo --key b.pem --key c.pem");
    await release("1.1.0");
    await m.run("publish repo --key a.pem --key b.pem --key c.pem");
    await readAll();
  });
});
