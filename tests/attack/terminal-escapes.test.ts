// The lie is told to the terminal: escape sequences in whatever a mirror or a signer can make us repeat. None arrives,
// as text, as JSON, or in the alerts that are shown later.
import assert from "node:assert/strict";
import { test } from "node:test";
import { requirePrintable } from "../support/caught.ts";
import { type Answer, page, redirects, writesRaw } from "../support/lying-mirror.ts";
import { forge, says } from "../support/metadata-lies/forge.ts";
import { createRelease, createStage } from "../support/scene.ts";
import type { Files } from "../support/trust-client.ts";

const stage = await createStage();
const { repository, path } = await createRelease("terminal escapes");
const known = repository.files();
repository.publish();
const files = repository.files();

// Clears the screen, sets the title, is one character in Latin-1 and UTF-8, turns text round, makes a line of its own.
const ESCAPES = ["\u001b[2J", "\u001b]0;title\u0007", "\u009b2J", "\u202egnp.exe", "\nerror E_NOTHING: all is well\r"];
const NASTY = ESCAPES.join("");
const latin1 = (s: string) => s.replace(/[\u0100-\uffff]/g, "?");
const timestamp = "metadata/timestamp.json";

const answers = (
  answer: Answer,
): readonly [Files, Record<string, Answer>] => [files, { [timestamp]: answer, [path]: answer }];
const rewrites = (from: string | RegExp, to: string): readonly [Files, Record<string, Answer>] => {
  const text = new TextDecoder().decode(files.get(timestamp));
  assert.match(text, new RegExp(from));
  return [new Map([...files, [timestamp, new TextEncoder().encode(text.replace(from, to))]]), {}];
};
const escaped = JSON.stringify(NASTY).slice(1, -1);
const signed = (role: string, field: readonly string[], to: string) =>
  [forge(repository, { says: { [role]: says(field, to) } }), {}] as const;

const LIES: Readonly<Record<string, readonly [Files, Record<string, Answer>]>> = {
  "a page": answers(page(200, NASTY)),
  "an error's page": answers(page(500, NASTY)),
  "a status line": answers(
    writesRaw(`HTTP/1.1 500 ${latin1(NASTY.replaceAll(/[\r\n]/g, ""))}\r\ncontent-length: 0\r\n\r\n`),
  ),
  "a header's name": answers(writesRaw(`HTTP/1.1 200 OK\r\n${latin1(NASTY)}: x\r\ncontent-length: 0\r\n\r\n`)),
  "an encoding": answers(writesRaw("HTTP/1.1 200 OK\r\ncontent-encoding: \u009b2Jx\r\ncontent-length: 0\r\n\r\n")),
  "a redirect": answers(redirects("https://127.0.0.1:1/%1b[2J%c2%9b2J")),
  "a redirect's raw header": answers(writesRaw("HTTP/1.1 302 Found\r\nlocation: //x\u009b2J/\r\n\r\n")),
  "what is no HTTP": answers(writesRaw(latin1(NASTY))),
  "a key that stands twice": rewrites(/"signed": \{/, `"signed": { "${escaped}": 1, "${escaped}": 2,`),
  "a type": rewrites(/"_type": "timestamp"/, `"_type": "${escaped}"`),
  "a time": rewrites(/"expires": "[^"]*"/, `"expires": "${escaped}"`),
  "a signed type": signed("timestamp", ["_type"], NASTY),
  "a signed time": signed("timestamp", ["expires"], NASTY),
  "a signed specification": signed("snapshot", ["spec_version"], NASTY),
  "the name of a role": [forge(repository, { says: { snapshot: says(["meta", `${NASTY}.json`], "x") } }), {}],
  "the name of a delegated role": [
    forge(repository, {
      says: {
        targets: says(["delegations"], {
          keys: {},
          roles: [{ name: NASTY, keyids: [], threshold: 1, terminating: false, paths: ["*"] }],
        }),
      },
    }),
    {},
  ],
  "the field of a target": [forge(repository, { says: { targets: says(["targets", NASTY], NASTY) } }), {}],
};

for (const [title, [served, lies]] of Object.entries(LIES)) {
  test(`escape sequences in ${title} do not reach the terminal`, async () => {
    const { operator, liar } = await stage.scene(repository, known);
    liar.serve(served, lies);
    const commands = [["check"], ["check", "--json"], ["check", "--verbose"], ["test-mirrors"], ["alerts"], [
      "alerts",
      "--json",
    ]];
    for (const command of commands) {
      const { stdout, stderr } = await operator.run(...command);
      requirePrintable(stdout);
      requirePrintable(stderr);
      assert.doesNotMatch(stderr, /^error E_NOTHING/m, "a line of somebody else's");
    }
    liar.serve(known, lies);
    const { stderr } = await operator.run("download", "--version", "1.0.0", "--platform", "linux-x64");
    requirePrintable(stderr);
  });
}
