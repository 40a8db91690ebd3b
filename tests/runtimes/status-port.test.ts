// The port of /healthz and /metrics with connections on which nobody ever finishes a request, on every runtime: whoever
// watches the node is let in again within seconds. docs/gossip.md, "Watching it".
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { createNetwork } from "../cli/network.ts";
import { startDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const network = await createNetwork();

/** As many as it takes at a time. */
const CONNECTIONS = 16;
/** Five for a request, and a look each second; Node by itself looks every thirty. */
const DEADLINE_MS = 15_000;

async function isFreed(runtime: Runtime): Promise<void> {
  const port = await freePort(), home = await network.initialised("http://127.0.0.1:9");
  const { child, outcome } = startDchat(["daemon", "--home", home, "--no-gossip", "--metrics-port", `${port}`], {
    runtime,
  });
  after(async () => {
    child.kill("SIGKILL");
    await outcome;
  });
  const health = async () => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
      return await answer.text();
    } catch {
      return "no answer";
    }
  };
  await until(`${runtime.name} answers`, async () => await health() === "ok\n");
  let open = 0;
  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = connect(port, "127.0.0.1").on("error", () => {}).resume();
    await once(socket, "connect");
    open++;
    socket.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ");
    const drip = setInterval(() => socket.write("x"), 1_000);
    socket.on("close", () => {
      clearInterval(drip);
      open--;
    });
  }
  await until(`${runtime.name} hangs up on all`, () => open === 0, DEADLINE_MS);
  assert.equal(await health(), "ok\n", runtime.name);
}

test("whoever begins requests and does not finish them is hung up on after seconds", async () => {
  await Promise.all(runtimes().map(isFreed));
});
