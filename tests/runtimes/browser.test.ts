// The hashing core in a web page: headless Chromium loads it from a loopback server, with no module of any runtime.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { blake3 as oracle } from "hash-wasm";
import { blake3Vectors, sequence } from "../support/blake3-vectors.ts";
import { bundleHash } from "../support/bundle-hash.ts";
import { startHttpServer } from "../support/http-server.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What the page sends back. */
async function answerOfPage(chromium: string, script: string, lengths: readonly number[]): Promise<unknown> {
  const profile = tempFolder("chromium");
  const answer = Promise.withResolvers<string>();
  const server = await startHttpServer(async (request, response) => {
    if (request.url === "/result") answer.resolve(await text(request));
    const [type, body] = request.url === "/script.js"
      ? ["text/javascript", script]
      : request.url === "/lengths"
      ? ["application/json", JSON.stringify(lengths)]
      : ["text/html", `<!doctype html><script type="module" src="/script.js"></script>`];
    response.setHeader("content-type", type).end(body);
  });
  // No sandbox: it cannot be had as root or in most containers, and the page is ours.
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    `--user-data-dir=${profile}`,
  ];
  const env = { ...process.env, TMPDIR: profile }; // for what it leaves behind when it is killed
  const browser = spawn(chromium, [...flags, server.url], { stdio: ["ignore", "ignore", "pipe"], env });
  const gone = once(browser, "exit");
  try {
    const ended = gone.then(async () => Promise.reject(new Error(`Chromium ended: ${await text(browser.stderr)}`)));
    ended.catch(() => {}); // also at the end, when it is killed
    return JSON.parse(await Promise.race([answer.promise, ended]));
  } finally {
    browser.kill("SIGKILL");
    await gone;
    await server.close(); // its profile goes with this file's folders: its helpers still write to it
  }
}

test("a web page gets the same digests, and the core needs nothing of a runtime", { timeout: 120_000 }, async (t) => {
  const chromium = PROGRAMS.find((program) => spawnSync(program, ["--version"]).status === 0);
  if (chromium === undefined) return t.skip("Chromium is not on this machine");
  const script = await bundleHash(new URL("../support/hash-page.ts", import.meta.url), "browser");
  const lengths = blake3Vectors()?.map(({ length }) => length) ?? [0, 1, 1024, 1025, 102_400];
  const expected = [];
  for (const length of lengths) {
    expected.push({ length, sha256: sha256(sequence(length)), blake3: await oracle(sequence(length)) });
  }
  const root = await oracle(sequence((5 << 20) + 321));
  assert.deepEqual(await answerOfPage(chromium, script, lengths), {
    digests: expected,
    root,
    kernels: [root, root],
    sha256OfNothing: sha256(new Uint8Array(0)),
  });
});

test("the browser entry is bundled without any builtin module", async () => {
  const script = await bundleHash(new URL("../support/hash-page.ts", import.meta.url), "browser");
  assert.doesNotMatch(script, /\bfrom\s*["']|\brequire\(|\bimport\s*\(/);
});
