// Two nodes that judge one schedule differently have forked: every runtime says the same of honest and hostile files.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { certificateBytes, parseCertificate } from "../../src/trust/certificate.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { runtimes } from "./runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "dchat-schedule-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const governed = createGovernedRepository(folder);
const now = ["--current-height", "200"];
const at = (name: string) => join(folder, name);
const output = (name: string) => ["--output", at(name), ...now];
governed.governance("cancel", "1", ...output("cancel.json"), "--key", governed.governor("a"));
const second = ["propose", "--version", "1.0.0", "--height", "3000", "--title", "zweite ☃ \u{1f600}"];
governed.governance(...second, ...output("second.json"), "--key", governed.governor("b"));
governed.governance("cancel", "1", "--title", "twice", ...output("twice.json"), "--key", governed.governor("c"));
mkdirSync(at("hostile"));
const cancel = parseCertificate(new Uint8Array(readFileSync(at("cancel.json"))));
const [[id, hex] = ["", ""]] = [...cancel.signatures];
const write = (name: string, bytes: Uint8Array | string) =>
  writeFileSync(join(folder, "hostile", `${name}.json`), bytes);
write(
  "forged",
  certificateBytes({ ...cancel, signatures: new Map([[id, hex.replace(/.$/, (c) => (c === "0" ? "1" : "0"))]]) }),
);
write("small-order", certificateBytes({ ...cancel, signatures: new Map([[id, `01${"0".repeat(126)}`]]) }));
write("big", new TextDecoder().decode(certificateBytes(cancel)).replace('"sequence":2', '"sequence":9007199254740992'));
write(
  "last",
  new TextDecoder().decode(certificateBytes(cancel)).replace('"sequence":2', '"sequence":9007199254740991'),
);
write("twice", new TextDecoder().decode(certificateBytes(cancel)).replace('"cancels":[1]', '"cancels":[1,1]'));

const HOSTILE = ["forged", "small-order", "big", "last", "twice"];
const COMMANDS = [
  ["list"],
  ["show", "1"],
  ...["cancel", "second", "twice"].map((name) => ["show", at(`${name}.json`)]),
  ...HOSTILE.map((name) => ["show", join(folder, "hostile", `${name}.json`)]),
];

let expected: unknown;
for (const runtime of runtimes()) {
  test(`${runtime.name} judges the schedule like the others`, async () => {
    const said = [];
    for (const command of COMMANDS) {
      const { code, stdout } = await runDchat(["governance", ...command, "--repo", governed.repo, "--json"], {
        runtime,
      });
      said.push([command, code, JSON.parse(stdout)]);
    }
    expected ??= said;
    assert.deepEqual(said, expected);
    const codes = said.map(([, code]) => code);
    assert.deepEqual(codes.slice(0, 5), [0, 0, 0, 0, 0]);
    assert.ok(codes.slice(5).every((code) => typeof code === "number" && code >= 10 && code < 40), codes.join());
  });
}
