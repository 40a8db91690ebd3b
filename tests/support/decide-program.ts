// A program over the decision alone, for tests that run it on every runtime: plays histories and prints a digest of all
// facts and decisions. Must not: judge them.
import { playHistory, shown } from "./activation-history.ts";
import { sha256Hex } from "../../src/trust/hex.ts";

const HISTORIES = 100;

const all: string[] = [];
let switches = 0;
for (let i = 0; i < HISTORIES; i++) {
  playHistory(`runtime ${i}`, (facts, decision) => {
    if (typeof decision.run !== "string") switches++;
    all.push(JSON.stringify([facts, decision]), shown(decision.run));
  });
}
console.log(
  JSON.stringify({ switches, decisions: all.length, sha256: sha256Hex(new TextEncoder().encode(all.join())) }),
);
