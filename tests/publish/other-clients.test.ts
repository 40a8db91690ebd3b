// Another TUF client reads what we publish: tuf-js downloads a target over loopback HTTP from the folder as it is.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";
import { Updater } from "tuf-js";
import { startHttpServer, type TestServer } from "../support/http-server.ts";
import { createMaintainer, type Maintainer } from "./maintainer.ts";

describe("tuf-js", () => {
  let m: Maintainer, server: TestServer;
  before(async () => {
    m = createMaintainer();
    server = await startHttpServer(async (request, response) => {
      const file = join(m.path("repo"), normalize(decodeURIComponent(request.url ?? "/")));
      const found = await stat(file).catch(() => undefined);
      response.writeHead(found?.isFile() === true ? 200 : 404);
      if (found?.isFile() === true) createReadStream(file).pipe(response);
      else response.end();
    });
    for (const key of ["k", "k2"]) await m.keygen(key);
    await m.run("init repo --network testnet --key k.pem");
    await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat-1.0.0"));
    await m.run("publish repo --key k.pem");
    await mkdir(m.path("client"));
    await copyFile(m.path("repo", "metadata", "1.root.json"), m.path("client", "root.json"));
  });
  after(async () => {
    await server.close();
    await m[Symbol.asyncDispose]();
  });

  /** A release by its version. */
  const download = (version: string) => downloadTarget(`dchat/${version}/dchat-${version}-linux-x64`);

  /** Refreshes and downloads with the client's state of last time. */
  async function downloadTarget(path: string): Promise<Uint8Array | undefined> {
    const updater = new Updater({
      metadataDir: m.path("client"),
      metadataBaseUrl: `${server.url}/metadata`,
      targetDir: m.path("client"),
      targetBaseUrl: `${server.url}/targets`,
      config: { fetchTimeout: 10_000, fetchRetries: 0 },
    });
    await updater.refresh();
    const info = await updater.getTargetInfo(path);
    if (info === undefined) return undefined;
    return await readFile(await updater.downloadTarget(info, m.path("client", "got")));
  }

  const original = (version: string) => readFile(m.path(`dchat-${version}`));

  test("downloads a target of a new repository", async () => {
    assert.deepEqual(await download("1.0.0"), await original("1.0.0"));
  });

  test("follows a root rotation of every role together with a new release", async () => {
    await m.run("rotate-root repo --key k2.pem");
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("dchat-1.1.0"));
    await m.run("publish repo --key k.pem --key k2.pem");
    assert.deepEqual(await download("1.1.0"), await original("1.1.0"));
    assert.deepEqual(await download("1.0.0"), await original("1.0.0"));
  });

  test("reads a repository whose snapshot names a schedule", async () => {
    await m.keygen("g");
    const chain = "--chain-kind evm --chain-genesis 0xabc --chain-finality depth:12 --min-lead-blocks 10";
    await m.run(`rotate-root repo --root-key k2.pem --governor g.pub:1 ${chain}`);
    await m.run("publish repo --key k2.pem");
    await m.run("governance propose --repo repo --version 1.1.0 --height 1000 --current-height 1 --key g.pem");
    assert.equal((await m.run("publish repo --key k2.pem")).json.scheduleHead, 1);
    assert.deepEqual(await download("1.1.0"), await original("1.1.0"));
  });

  test("follows refreshes", async () => {
    await m.run("refresh repo --key k2.pem");
    await m.run("refresh repo --snapshot --key k2.pem");
    assert.deepEqual(await download("1.1.0"), await original("1.1.0"));
  });

  test("downloads the signed list of mirrors", async () => {
    assert.equal(await downloadTarget("mirrors.json"), undefined);
    const mirrors = [{ url: "https://a.example", kind: "https", priority: 1 }];
    const list = await m.file("list.json", Buffer.from(JSON.stringify({ format: "dchat-mirrors-1", mirrors })));
    await m.run("mirrors repo", list);
    await m.run("publish repo --key k2.pem");
    assert.deepEqual(await downloadTarget("mirrors.json"), await readFile(list));
  });

  test("follows pruning: what is kept is there, what was dropped is not", async () => {
    await m.run("prune repo --keep 1");
    await m.run("publish repo --key k2.pem");
    m.nowMs = Date.now() + 1;
    assert.equal((await m.run("prune repo --grace-hours 0")).json.removed.length > 0, true);
    assert.deepEqual(await download("1.1.0"), await original("1.1.0"));
    assert.equal(await download("1.0.0"), undefined);
  });
});
