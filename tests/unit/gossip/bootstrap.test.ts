import assert from "node:assert/strict";
import { test } from "node:test";
import { keepConnected } from "../../../src/gossip/bootstrap.ts";
import { UpdateError } from "../../../src/errors.ts";
import { until } from "../../support/until.ts";

test("a peer that is away is tried again after longer and longer waits, and each address by itself", async () => {
  const stopping = new AbortController();
  const triedAtMs: number[] = [], failed: string[] = [];
  let connected = 0;
  const running = keepConnected({
    addresses: () => ["away", "there"],
    signal: stopping.signal,
    isConnected: (address) => address === "there" && connected > 0,
    connect(address) {
      if (address === "there") return Promise.resolve(void connected++);
      triedAtMs.push(performance.now());
      return Promise.reject(new UpdateError("E_UNREACHABLE", "nobody is there"));
    },
    onFailure: (address) => failed.push(address),
  });
  await until("it was tried four times", () => triedAtMs.length === 4);
  stopping.abort();
  await running;
  const waitsMs = triedAtMs.slice(1).map((at, i) => at - triedAtMs[i]!); // one fewer
  for (const [i, waitMs] of waitsMs.entries()) assert.ok(waitMs >= 490 * 2 ** i, `wait ${i + 1} took ${waitMs} ms`);
  assert.equal(connected, 1, "who is connected is left alone");
  assert.deepEqual([...new Set(failed)], ["away"]);
});

test("a connection that is over at once, or leads elsewhere, is a failure like any other", async () => {
  const stopping = new AbortController();
  const failed: unknown[] = [];
  let dials = 0;
  const running = keepConnected({
    addresses: () => ["elsewhere"],
    signal: stopping.signal,
    isConnected: () => false,
    connect() {
      if (++dials > 50) stopping.abort(); // it would go on for ever, and nothing else get a turn
      return Promise.resolve();
    },
    onFailure: (_, error) => failed.push(error),
  });
  await until("it was tried twice", () => dials >= 2);
  stopping.abort();
  await running;
  assert.ok(failed[0] instanceof UpdateError && failed[0].code === "E_UNREACHABLE", String(failed[0]));
  assert.equal(dials, 2);
});

test("who is named meanwhile is dialled too, and who is not named any more is left alone", async () => {
  const stopping = new AbortController();
  const tried: string[] = [];
  let named = ["first"];
  const running = keepConnected({
    addresses: () => named,
    signal: stopping.signal,
    isConnected: () => false,
    connect(address) {
      tried.push(address);
      return Promise.reject(new UpdateError("E_UNREACHABLE", "nobody is there"));
    },
    onFailure: () => {},
  });
  await until("the first was tried", () => tried.includes("first"));
  named = ["second"];
  await until("the second was tried", () => tried.includes("second"));
  const before = tried.filter((address) => address === "first").length;
  await until("it was tried again", () => tried.filter((address) => address === "second").length === 3);
  assert.equal(tried.filter((address) => address === "first").length, before);
  stopping.abort();
  await running;
});
