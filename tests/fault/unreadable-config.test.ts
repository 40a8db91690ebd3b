// What a command writes into the configuration it can read again: an odd argument is refused, and locks nobody out.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireError } from "../support/caught.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository } = await createRelease("unreadable config");
const operator = await stage.operator({ pinnedRoot: repository.pinnedRoot });

for (
  const [title, ...args] of [
    ["a line feed in a mirror's URL", "--url", "https://mirror.example/\nx"],
    ["an escape sequence in a mirror's URL", "--url", "https://mirror.example/\u001b[31m"],
    ["a mirror's URL of 3,000 characters", "--url", `https://mirror.example/${"x".repeat(3000)}`],
    ["an escape sequence in a region", "--url", "https://mirror.example", "--region", "\u001b[31m"],
    ["a region of 100 characters", "--url", "https://mirror.example", "--region", "x".repeat(100)],
  ] as const
) {
  test(`${title} is a usage error, and the configuration stays as it was`, async () => {
    const config = join(operator.home, "config.json"), before = readFileSync(config, "utf8");
    requireError(await operator.run("add-mirror", ...args), "E_USAGE");
    assert.equal(readFileSync(config, "utf8"), before);
    await operator.succeed("list-mirrors");
  });
}
