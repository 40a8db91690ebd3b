// Commands without peers do not touch the peer-to-peer library: they work with a file in which it is broken.
// docs/gossip.md, "What a command asks".
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { denoProgram } from "../runtimes/runtimes.ts";
import { BUNDLE } from "../support/bundled-cli.ts";
import { createNetwork } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();

/** The bundled file without what is in the middle of its largest compressed part. */
function withBrokenLibrary(): string {
  const text = readFileSync(BUNDLE, "latin1");
  const parts = text.match(/[A-Za-z0-9+/]{20000,}/g) ?? [];
  const library = parts.reduce((a, b) => (a.length > b.length ? a : b));
  assert.ok(library.length > 100_000, "the library is the largest part by far");
  const middle = library.length >> 1;
  const file = join(network.folder, "broken.mjs");
  const broken = `${library.slice(0, middle)}${"A".repeat(4_000)}${library.slice(middle + 4_000)}`;
  writeFileSync(file, text.replace(library, () => broken), "latin1");
  return file;
}

const file = withBrokenLibrary();
const PEER = ["--peer", "/ip4/127.84.0.1/tcp/9"];

function codeOf(...args: readonly string[]): Promise<number | null> {
  const options = { env: { ...process.env, NO_COLOR: "1" } };
  return new Promise((resolve) => {
    const child = execFile(denoProgram(), ["run", "-A", file, ...args], options, () => resolve(child.exitCode));
  });
}

test("what asks no peer works without the library, and what asks one does not", async () => {
  const home = await network.initialised(mirror.url), at = ["--home", home];
  assert.equal(await codeOf("version"), 0);
  assert.equal(await codeOf("check", ...at), 0, "no peer is known");
  assert.equal(await codeOf("check", "--no-gossip", ...PEER, ...at), 0);
  assert.equal(await codeOf("list-versions", "--offline", ...PEER, ...at), 0);
  assert.equal(await codeOf("status", ...at), 0);
  assert.equal(await codeOf("download", "--version", "1.0.0", ...PEER, ...at), 0, "the mirror is enough");
  assert.equal(await codeOf("verify", "--package", network.packageFile("1.0.0"), ...at), 0);
  assert.notEqual(await codeOf("check", ...PEER, ...at), 0, "or this test could not fail");
});
