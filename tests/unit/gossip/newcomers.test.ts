// Peers that connect while somebody is busy. Design: docs/gossip.md, "Pieces for each other".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createNewcomers } from "../../../src/gossip/newcomers.ts";

test("who is busy hears of each peer once, and of too many of the last hundred", async () => {
  const newcomers = createNewcomers(), stop = new AbortController();
  newcomers.tell("nobody follows");
  const heard = newcomers.follow(stop.signal);
  for (let i = 0; i < 250; i++) newcomers.tell(`peer ${i}`);
  newcomers.tell("peer 249");
  const told: string[] = [];
  for await (const peer of heard) {
    told.push(peer);
    if (peer === "peer 249") stop.abort();
  }
  assert.deepEqual(told, Array.from({ length: 100 }, (_, i) => `peer ${150 + i}`));
});
