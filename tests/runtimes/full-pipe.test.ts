// Output that nobody reads, on every runtime: it keeps nobody's node from ending, and no reader from taking his time.
// docs/gossip.md, "The log".
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createNetwork } from "../cli/network.ts";
import { BUNDLE, runDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const network = await createNetwork();
const folder = tempFolder("full-pipe");
after(() => rmSync(folder, { recursive: true, force: true }));

/** Whoever asks it to end waits for seconds before he kills it. */
const MAX_END_MS = 8_000;
const skip = process.platform === "win32" ? "pipes have no names here" : false;

/** A pipe that is full. `read` takes all that is in it. */
function fullPipe(name: string) {
  const path = join(folder, name);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const untilRefused = (act: () => number) => {
    try {
      for (;;) if (act() === 0) return;
    } catch (e) {
      if ((e as { code?: unknown }).code !== "EAGAIN") throw e; // as every runtime has it on its errors
    }
  };
  untilRefused(() => writeSync(reader, Buffer.alloc(4096)));
  untilRefused(() => writeSync(reader, Buffer.alloc(1)));
  after(() => closeSync(reader));
  return {
    open: () => openSync(path, "w"),
    read() {
      const parts: Buffer[] = [], part = Buffer.alloc(4096);
      untilRefused(() => {
        const length = readSync(reader, part, 0, part.length, null);
        parts.push(Buffer.from(part.subarray(0, length)));
        return length;
      });
      return Buffer.concat(parts).toString().replaceAll("\0", "");
    },
  };
}

function start(runtime: Runtime, args: readonly string[], output: { readonly out?: number; readonly err?: number }) {
  const [program, ...rest] = runtime.fileCommand(BUNDLE, args);
  const child = spawn(program, rest, { stdio: ["ignore", output.out ?? "ignore", output.err ?? "ignore"] });
  after(() => child.kill("SIGKILL"));
  return { child, ended: once(child, "exit") };
}

for (const runtime of runtimes()) {
  // Deno waits for each write: docs/gossip.md says so.
  const skipped = skip || (runtime.name === "deno2" ? "writes to a pipe are not asynchronous there" : false);
  test(
    `${runtime.name}: a daemon whose log nobody reads answers, and ends when it is told to`,
    { skip: skipped },
    async () => {
      const pipe = fullPipe(`log of ${runtime.name}`), err = pipe.open();
      const port = await freePort(), home = await network.initialised("http://127.0.0.1:9");
      const listen = ["--listen", "/ip4/127.78.3.1/tcp/0", "--metrics-port", `${port}`];
      const { child, ended } = start(runtime, ["daemon", "--home", home, ...listen], { err });
      closeSync(err);
      await until(
        "it answers",
        async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok === true,
      );
      const toldMs = performance.now();
      process.kill(child.pid ?? 0, "SIGTERM");
      const [code] = await Promise.race([ended, delay(MAX_END_MS, ["it goes on"], { ref: false })]);
      assert.equal(code, 0);
      assert.ok(performance.now() - toldMs < MAX_END_MS);
    },
  );

  test(`${runtime.name}: a reader who takes his time gets all of a result`, { skip }, async () => {
    const pipe = fullPipe(`result of ${runtime.name}`), out = pipe.open();
    const { ended } = start(runtime, ["help"], { out });
    closeSync(out);
    let isOver = false;
    ended.then(() => isOver = true);
    await delay(2_000); // twice what a reader is given when the program was told to end
    assert.equal(isOver, false);
    let text = "";
    await until("it has ended", () => {
      text += pipe.read();
      return isOver;
    });
    assert.equal(text + pipe.read(), (await runDchat(["help"], { runtime })).stdout);
  });
}
