// The mirror of a devnet: what it gives, and what it alters. docs/devnet.md.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { type MirrorServer, startMirrorServer } from "../../../src/devnet/mirror-server.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folder = tempFolder("mirror-server");
const bytes = Uint8Array.from({ length: (2 << 20) + 5 }, (_, i) => i % 251);
mkdirSync(join(folder, "repo", "targets"), { recursive: true });
for (const name of ["artifact", "artifact.pieces"]) writeFileSync(join(folder, "repo", "targets", name), bytes);
writeFileSync(join(folder, "repo", "bundle.json"), bytes);
writeFileSync(join(folder, "secret"), "not below the folder");

const servers: MirrorServer[] = [];
after(() => Promise.all(servers.map((s) => s.close())));

async function serve(alters: boolean): Promise<string> {
  const server = await startMirrorServer({ folder: join(folder, "repo"), alters, port: 0 });
  servers.push(server);
  return server.url;
}

const got = async (url: string, range?: string) => {
  const answer = await fetch(url, range === undefined ? {} : { headers: { range } });
  return { status: answer.status, bytes: new Uint8Array(await answer.arrayBuffer()) };
};

test("an honest one gives files and ranges of them", async () => {
  const url = await serve(false);
  assert.deepEqual((await got(`${url}/targets/artifact`)).bytes, bytes);
  const part = await got(`${url}/targets/artifact`, "bytes=70000-140000");
  assert.deepEqual([part.status, part.bytes], [206, bytes.subarray(70_000, 140_001)]);
  const rest = await got(`${url}/bundle.json`, "bytes=2097150-");
  assert.deepEqual(rest.bytes, bytes.subarray(2_097_150));
  const beyond = await got(`${url}/bundle.json`, "bytes=9999999-");
  assert.deepEqual([beyond.status, beyond.bytes.length], [416, 0]);
  assert.equal((await got(`${url}/targets`)).status, 404);
  assert.equal((await got(`${url}/none`)).status, 404);
});

test("a liar turns one bit in each piece of an artifact, whichever range is asked for, and nothing else", async () => {
  const url = await serve(true);
  const whole = (await got(`${url}/targets/artifact`)).bytes;
  const altered = bytes.map((byte, i) => byte ^ (whole[i] ?? 0)).reduce((n, byte) => n + (byte === 0 ? 0 : 1), 0);
  assert.deepEqual([whole.length, altered], [bytes.length, 3]);
  const piece = (await got(`${url}/targets/artifact`, "bytes=1048576-2097151")).bytes;
  assert.deepEqual(piece, whole.subarray(1 << 20, 2 << 20));
  for (const path of ["bundle.json", "targets/artifact.pieces"]) {
    assert.deepEqual((await got(`${url}/${path}`)).bytes, bytes, path);
  }
});

test("nothing outside its folder is given", async () => {
  const { port } = new URL(await serve(false));
  for (const path of ["/../secret", "/..%2fsecret", "/%2e%2e/secret", "//../secret", "/targets/../../secret"]) {
    const status = await new Promise((resolve, reject) => {
      const asking = request({ host: "127.0.0.1", port, path }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on("error", reject).end();
    });
    assert.equal(status, 404, path);
  }
});
