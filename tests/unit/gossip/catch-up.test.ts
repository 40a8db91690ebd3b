// Whom a node asks for what it missed, and in what order, when strangers come in numbers.
// Design: docs/gossip.md, "Who missed something".
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createCatchUp } from "../../../src/gossip/catch-up.ts";
import { createFetchSlots } from "../../../src/gossip/fetch-slots.ts";

/**
 * Strangers stall as long as they may, in the slots that a node has for such fetches.
 * @returns after how many milliseconds the peer was asked that came after them
 */
async function askedAfterMs(peer: string, strangers: number): Promise<number> {
  const stopping = new AbortController();
  const inSlot = createFetchSlots({ atOnce: 4, leashMs: 5_000, pause: (ms) => delay(ms, undefined, { ref: false }) });
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const catchUp = createCatchUp({
    ask: (one) => inSlot(async (signal) => one === peer ? resolve() : await stalled(signal)),
    isChosen: (one) => one === "chosen",
    canSpeak: () => true,
    peers: () => [],
    onFailure: () => {},
    signal: stopping.signal,
  });
  for (let i = 0; i < strangers; i++) void catchUp.welcome(`stranger ${i}`);
  await delay(100); // they are being asked, or wait
  const beganMs = performance.now();
  void catchUp.welcome(peer);
  const alive = setTimeout(() => {}, 60_000); // nothing else keeps this process
  await asked;
  clearTimeout(alive);
  stopping.abort();
  return performance.now() - beganMs;
}

const stalled = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("strangers who stall delay a peer that this node chose by seconds, however many they are", async () => {
  const ms = await askedAfterMs("chosen", 100);
  assert.ok(ms < 6_000, `${ms} ms`);
});

test("and one that came by itself by a second or so for every four of them", async () => {
  const ms = await askedAfterMs("honest", 24);
  assert.ok(ms < 15_000, `${ms} ms`);
});
