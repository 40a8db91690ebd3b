// What a devnet makes of the lines that a node prints. docs/devnet.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { afterLine, newNodeView, type NodeView } from "../../../src/devnet/node-view.ts";

const LIAR = "http://127.0.0.1:9";
const around = { nameOf: (id: string) => id === "12D3" ? "node-1" : id, mirrors: [LIAR], height: 119 };
const after = (...lines: readonly unknown[]): NodeView =>
  lines.reduce<NodeView>((view, line) => afterLine(view, JSON.stringify(line), around), newNodeView("node-2"));

test("a release is heard of from whoever gave the bundle", () => {
  const view = after(
    { event: "connected", peer: "12D3", peers: 1 },
    { event: "learnt", rootVersion: 1, timestampVersion: 4, versions: ["2.0.0"] },
    { event: "fetched", peer: "12D3" },
    { event: "message", peer: "12D3", verdict: "accepted" },
  );
  assert.deepEqual([view.peers, view.timestampVersion, view.heard], [1, 4, { version: "2.0.0", from: "node-1" }]);
});

test("what brings no release, and who brings votes, leave the last one as it was", () => {
  const view = after(
    { event: "learnt", timestampVersion: 4, versions: ["2.0.0"] },
    { event: "fetched", peer: "12D3" },
    { event: "learnt", timestampVersion: 5, versions: [] },
    { event: "fetched", peer: "other" },
    { event: "message", peer: "other", verdict: "accepted" },
    { event: "votes", votes: 2 },
  );
  assert.deepEqual([view.timestampVersion, view.heard, view.votes], [5, { version: "2.0.0", from: "node-1" }, 2]);
});

test("a mirror that was refused is named once, whoever else is spoken of", () => {
  const view = after(
    { event: "note", message: `${LIAR}/ is slow` },
    { event: "note", message: `FAILED: ${LIAR} was refused: piece 0 is wrong` },
    { event: "note", message: `FAILED: ${LIAR} was refused: piece 1 is wrong` },
  );
  assert.deepEqual(view.refused, [LIAR]);
});

test("bytes come from somebody, and are proven in the end", () => {
  const coming = { event: "downloading", version: "2.0.0", sources: ["12D3"] };
  assert.deepEqual(after(coming).bytes, { version: "2.0.0", from: ["node-1"], isProven: false });
  const proven = after(coming, { event: "downloaded", version: "2.0.0", source: "12D3", sources: ["12D3", "x"] });
  assert.deepEqual(proven.bytes, { version: "2.0.0", from: ["node-1", "x"], isProven: true });
});

test("a switch has the height of its moment, and what was taken back is known", () => {
  const view = after(
    { event: "started", version: "1.0.0", pid: 5 },
    { event: "ended", version: "1.0.0", code: 0, signal: null },
    { event: "started", version: "2.0.0", pid: 6 },
    { event: "switched", fromVersion: "1.0.0", toVersion: "2.0.0" },
    { event: "rolled-back", fromVersion: "3.0.0", toVersion: "2.0.0", why: "ill" },
  );
  assert.deepEqual([view.runs, view.switches, view.rolledBack], ["2.0.0", [{ version: "2.0.0", height: 119 }], [
    "3.0.0",
  ]]);
});

test("what is ready is known by its version", () => {
  assert.deepEqual(after({ event: "staged", version: "2.0.0", activationHeight: 160 }).staged, ["2.0.0"]);
});

test("lines of other kinds, and what is no JSON, change nothing", () => {
  const view = newNodeView("node-1");
  for (const line of ["", "nothing is scheduled", "{", "[1]", '{"event":"else"}', "null"]) {
    assert.equal(afterLine(view, line, around), view, line);
  }
});
