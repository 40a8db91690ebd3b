// The table of a devnet, without a terminal. docs/devnet.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newNodeView, type NodeView } from "../../../src/devnet/node-view.ts";
import { createScreen } from "../../../src/devnet/screen.ts";
import { nextOf, type PlanView, tableLines } from "../../../src/devnet/table.ts";

const plan: PlanView = {
  version: "2.0.0",
  activationHeight: 160,
  votes: { weight: 40, required: 51 },
  state: "voting",
};
const node = (change: Partial<NodeView> = {}): NodeView => ({ ...newNodeView("node-1"), runs: "1.0.0", ...change });
const next = (change: Partial<NodeView>, of: Partial<PlanView> = {}) =>
  nextOf(node(change), { height: 118, plan: { ...plan, state: "approved", ...of }, nodes: [] });

test("the table says of chain, votes and each node what is known", () => {
  const nodes = [
    node({
      heard: { version: "2.0.0", from: "maintainer" },
      bytes: { version: "2.0.0", from: ["mirror-a", "node-2"], isProven: true },
      refused: ["mirror-b"],
      staged: ["2.0.0"],
    }),
    { ...newNodeView("node-2"), bytes: { version: "2.0.0", from: ["mirror-a"], isProven: false } },
  ];
  assert.deepEqual(tableLines({ height: 118, plan, nodes }, 200), [
    "block 118 | 2.0.0 from block 160: voting, 40 of 51 votes",
    "node    runs   next   heard of               bytes",
    "node-1  1.0.0  ready  2.0.0 from maintainer  2.0.0 proven from mirror-a and node-2, mirror-b lied",
    "node-2  -             -                      2.0.0 coming from mirror-a",
  ]);
});

test("before there is an upgrade there is a block", () => {
  assert.equal(tableLines({ height: 3, plan: null, nodes: [] }, 80)[0], "block 3");
});

test("what comes next follows the upgrade to its end", () => {
  const staged = ["2.0.0"];
  assert.equal(next({}), "gets ready for block 160");
  assert.equal(next({ staged }), "waits for block 160 (42 left)");
  assert.equal(next({ staged }, { activationHeight: 118 }), "waits for block 118");
  assert.equal(next({ staged, switches: [{ version: "2.0.0", height: 159 }] }), "switched to 2.0.0 at block 159");
  assert.equal(next({ staged }, { state: "cancelled" }), "stays: 2.0.0 is cancelled");
  assert.equal(next({ staged, rolledBack: ["2.0.0"] }), "2.0.0 was not well: taken back");
});

test("no line is wider than the terminal, however narrow", () => {
  for (const columns of [1, 10, 40, 80]) {
    for (const line of tableLines({ height: 118, plan, nodes: [node()] }, columns)) assert.ok(line.length <= columns);
  }
});

test("a terminal gets the table below the lines that stay; anything else gets the lines", () => {
  const written = (isTTY: boolean) => {
    let text = "";
    const screen = createScreen({ isTTY, columns: 80, write: (part) => text += part }, (line) => line);
    screen.draw(["a", "b"]);
    screen.draw(["a", "b"]);
    screen.say("done");
    screen.keep();
    screen.say("end");
    return text;
  };
  assert.equal(written(false), "done\nend\n");
  assert.equal(written(true), "a\nb\n\u001b[2A\r\u001b[Jdone\na\nb\nend\n");
});
