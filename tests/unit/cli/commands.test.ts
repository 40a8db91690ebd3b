import assert from "node:assert/strict";
import { test } from "node:test";
import { allCommands, commandsNamed } from "../../../src/cli/commands.ts";
import { commands as maintainer } from "../../../src/cli/maintainer-commands.ts";
import { commands as network } from "../../../src/cli/network-commands.ts";
import { commands as node } from "../../../src/cli/node-commands.ts";
import { commands as proof } from "../../../src/cli/proof-commands.ts";
import { verifyCommand } from "../../../src/cli/verify.ts";

const names = (commands: readonly { readonly name: string }[]) => commands.map(({ name }) => name);

test("every command of every group is found by its first word, once", async () => {
  const all = [verifyCommand, ...proof, ...network, ...node, ...maintainer];
  assert.deepEqual(names(await allCommands()).toSorted(), names(all).toSorted());
  for (const command of all) assert.ok((await commandsNamed(command.name.split(" ")[0])).includes(command));
  for (const word of [undefined, "", "relea", "release init", "constructor"]) {
    assert.deepEqual(await commandsNamed(word), []);
  }
});
