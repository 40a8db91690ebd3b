// What nodes on a link have told of: bounded, forgotten in time, and no place for one machine alone. docs/gossip.md, "On a
// LAN".
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createNearbyEndpoints,
  FORGET_NEARBY_MS,
  MAX_NEARBY,
  MAX_NEARBY_OF_ADDRESS,
} from "../../../src/gossip/nearby-endpoints.ts";

const at = (machine: number, port = 4217) => `/ip4/192.168.0.${machine}/tcp/${port}`;

test("one machine that tells of many ports keeps nobody else out", () => {
  const found = createNearbyEndpoints(() => 0);
  found.see(at(1), "honest");
  for (let port = 1; port <= 1_000; port++) found.see(at(2, port), "flood");
  found.see(at(3), "later");
  const addresses = found.addresses();
  assert.equal(addresses.length, MAX_NEARBY_OF_ADDRESS + 2);
  assert.ok(addresses.includes(`${at(1)}/p2p/honest`) && addresses.includes(`${at(3)}/p2p/later`));
});

test("with all places taken, whoever has not been heard of for longest gives his up", () => {
  const found = createNearbyEndpoints(() => 0);
  for (let machine = 1; machine <= MAX_NEARBY; machine++) found.see(at(machine), "node");
  found.see(at(1), "node"); // it has answered again
  found.see(at(200), "new");
  assert.equal(found.addresses().length, MAX_NEARBY);
  assert.deepEqual([found.has(at(1)), found.has(at(2)), found.has(at(200))], [true, false, true]);
});

test("an endpoint has the id that was told last, with all places taken too", () => {
  const found = createNearbyEndpoints(() => 0);
  for (let machine = 1; machine <= MAX_NEARBY; machine++) found.see(at(machine), "old");
  found.see(at(7), "new");
  assert.deepEqual(found.addresses().filter((a) => a.startsWith(at(7))), [`${at(7)}/p2p/new`]);
  assert.equal(found.addresses().length, MAX_NEARBY);
});

test("who is not heard of for minutes is forgotten, and may not be connected to any more", () => {
  let nowMs = 0;
  const found = createNearbyEndpoints(() => nowMs);
  found.see(at(1), "left");
  found.see(at(2), "stays");
  nowMs = FORGET_NEARBY_MS;
  found.see(at(2), "stays");
  assert.equal(found.has(at(1)), true);
  nowMs++;
  assert.deepEqual([found.has(at(1)), found.has(at(2))], [false, true]);
  assert.deepEqual(found.addresses(), [`${at(2)}/p2p/stays`]);
});
